package script_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

// Whatever way a script exports its functions, they are found.
func TestFormsOfExports(t *testing.T) {
	t.Parallel()
	for name, files_ := range map[string]map[string]string{
		"function":   {"main.js": "export const options = {vus: 2}; export default function () {} export function walk() {}"},
		"arrow":      {"main.js": "export let options = {}; export default () => {}; export const walk = async () => {}; options.vus = 2"},
		"list":       {"main.js": "const options = {vus: 2}; function f() {} class K {} export { options, f as default, f as walk, K, f as 'a b' }"},
		"re-export":  {"main.js": "export * from './lib.js'; export { default } from './lib.js'", "lib.js": "export const options = {vus: 2}; export default function () {} export function walk() {}"},
		"cyclic":     {"main.js": "import { helper } from './lib.js'; export const options = {vus: 2}; export function walk() { helper() } export default walk", "lib.js": "import { walk } from './main.js'; export function helper() { return walk }"},
		"CommonJS":   {"main.js": "exports.options = {vus: 2}; exports.default = function () {}; exports.walk = function () {}"},
		"module":     {"main.js": "module.exports = { options: {vus: 2}, default: () => {}, walk() {} }"},
		"TypeScript": {"main.ts": "export const options: { vus: number } = { vus: 2 }; export default function (): void {} export function walk<T>(x?: T) {}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := files(t, files_)
			require.NoError(t, err)
			b := newBench(t, p)
			text, err := b.vm.OptionsJSON()
			require.NoError(t, err)
			assert.JSONEq(t, `{"vus":2}`, string(text))
			assert.True(t, b.vm.Has("walk"))
			require.NoError(t, b.vm.Iterate(t.Context(), b.task, script.Iteration{}).Err)
		})
	}
	p, err := files(t, map[string]string{"main.js": "const x = 1; // export { nothing };"})
	require.NoError(t, err)
	assert.False(t, newBench(t, p).vm.Has("default"))
	p, err = files(t, map[string]string{"main.js": "module.exports = 3"})
	require.NoError(t, err)
	_, err = p.New(t.Context(), config(t.Output()), nil, 1)
	assert.ErrorContains(t, err, "not an object")
}
