// Package cost measures what each team has spent (BUDGET_TRACKING).
//
// In: the spend that people typed (a form of ours, or MONEY_SPEND in the team's
// environment), the bills of cloud providers ([Provider]) and, for information,
// what a team's namespace used ([Config.Query]). Out: one verdict per team.
//
// What was typed counts, the form's newest entry before MONEY_SPEND; bills count
// where nothing was typed. The two are never added, because a team's own sum
// already holds what it was billed. Nothing here turns one currency into
// another: amounts in different currencies stand apart in the breakdown.
//
// [Parse] reads what people type and refuses what it cannot be sure of with a
// sentence for them. [Judge] is pure and looks at all teams at once, so that a
// rank does not depend on who is asked first. A source that fails makes a
// finding, and an invalid verdict only for those teams whose spend would have
// come from it. No text that leaves here quotes what a team typed.
package cost
