// Package config turns hackload.yaml, contest.yaml, environment variables and
// flags into one validated value.
//
// In: bytes and lookups that the caller hands over ([Source]); the package opens
// no file and reads no environment itself. Out: a complete [Config], every key
// set, with flag winning over environment, environment over file and file over
// default.
//
// Both files are read strictly. An unknown key, a wrong type or a value outside
// its range is an error with the file, the line, the key and what is allowed,
// and all of them are reported together. What no type can know (a run that does
// not fit its timeout, levels that do not ascend) is [Config.Check]'s.
//
// Secrets have a type of their own, [Secret], that prints as <secret> under
// every verb and in every encoding.
package config
