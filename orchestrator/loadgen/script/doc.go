// Package script runs k6 scripts: it bundles and compiles them and gives each
// virtual user a JavaScript runtime of its own.
//
// In: a file on disk with what it imports. Out: a [Program], compiled once, and
// from it any number of [VM]s that call the script's functions. What a script
// does becomes samples in a metric.Shard; its console and its uncaught
// exceptions become log records.
//
// k6's modules are virtual: their exports are pure calls, so a bundle keeps only
// those that a script uses, and a VM makes them when they are first touched. A
// module that is not there fails the compilation with a sentence that names it.
//
// A script is not trusted: its calls end when their context does (the runtime
// is interrupted and its requests are cut off), its recursion is bounded, and
// what it throws is an error of that call only. Its memory is not bounded here,
// so whoever cannot afford that runs the generator as a process of its own.
package script
