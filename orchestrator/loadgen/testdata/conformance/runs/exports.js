// Scripts that export something else than they should.
const told = (what) => () => console.log(what);
module.exports = {
  nothing: {}, other: { one: told('one'), options: {} }, number: { default: 1 }, object: { default: {} },
  asynchronous: { default: async () => { await null; console.log('async'); } },
  generator: { default: function* () { console.log('never'); yield 1; } },
  setup: { default: told('default'), setup: 1 }, teardown: { default: told('default'), teardown: 'x' },
  summary: { default: told('default'), handleSummary: {} }, options: { default: told('default'), options: 1 },
  listed: { default: told('default'), options: [] }, absent: { default: told('default'), options: null },
  scenario: { one: told('one'), options: { scenarios: { s: { executor: 'per-vu-iterations', exec: 'one' } } } },
  reserved: { setup: told('setup'), options: { scenarios: { s: { executor: 'per-vu-iterations', exec: 'setup' } } } },
  value: { one: 1, options: { scenarios: { s: { executor: 'per-vu-iterations', exec: 'one' } } } },
}[__ENV.WHAT];
