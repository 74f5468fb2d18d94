// Package git looks at the teams' source code repositories and judges them: the
// criterion CODE_REPO.
//
// In come teams with whatever they typed as their repository; out goes one
// verdict per team, with findings for each rule. Repositories on GitHub are read
// over its API (commits since the contest's start and of the last day, the last
// commit, contributors, what state the repository is in); any other host is
// asked over https for its branches, as git ls-remote does. Such a host tells no
// dates, so a repository that is there is NO_DATA with the reason, and one that
// is not is FAILED like any other.
//
// GitHub's limits are kept, whatever they are: unchanged answers are taken from
// a cache, requests are paced, and nothing is sent that would use up the hour.
// What GitHub or we fail at is an invalid verdict, never a team's failure. Team
// addresses are dialled through the guard; credentials in them go nowhere.
package git
