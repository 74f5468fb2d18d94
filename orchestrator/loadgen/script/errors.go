package script

import (
	"errors"
	"fmt"

	"github.com/grafana/sobek"
)

// Exception is what a script threw and did not catch.
type Exception struct {
	Text string // message and stack, with positions in the script's own files
}

// Error returns message and stack.
func (e *Exception) Error() string { return e.Text }

// ErrInterrupted is the end of a call whose context was done.
var ErrInterrupted = errors.New("interrupted")

// AbortError is a script's wish, by exec.test.abort, to end the whole test.
type AbortError struct{ Reason string }

// Error returns the script's reason.
func (e *AbortError) Error() string { return "test aborted: " + e.Reason }

// translate turns an error of the runtime into one of this package.
func translate(err error) error {
	if err == nil {
		return nil
	}
	var interrupted *sobek.InterruptedError
	if errors.As(err, &interrupted) {
		var abort *AbortError
		if cause, ok := interrupted.Value().(error); ok && errors.As(cause, &abort) {
			return abort
		}
		return ErrInterrupted
	}
	var overflow *sobek.StackOverflowError
	if errors.As(err, &overflow) {
		return &Exception{Text: "RangeError: Maximum call stack size exceeded" + stackOf(&overflow.Exception)}
	}
	var thrown *sobek.Exception
	if errors.As(err, &thrown) {
		return &Exception{Text: describe(thrown)}
	}
	return err
}

// maxStack is how many frames of a stack are told.
const maxStack = 12

func describe(e *sobek.Exception) string {
	text := fmt.Sprint(e.Value())
	if obj, ok := e.Value().(*sobek.Object); ok {
		if stack := obj.Get("stack"); stack != nil && !sobek.IsUndefined(stack) && obj.ClassName() == "Error" {
			text = obj.String()
		}
	}
	return text + stackOf(e)
}

func stackOf(e *sobek.Exception) string {
	var text string
	for i, frame := range e.Stack() {
		if i == maxStack {
			return text + "\n\tat …"
		}
		name := frame.FuncName()
		if name == "" {
			name = "<anonymous>"
		}
		if pos := frame.Position(); pos.Line > 0 {
			text += fmt.Sprintf("\n\tat %s (%s:%d:%d)", name, pos.Filename, pos.Line, pos.Column)
		} else {
			text += "\n\tat " + name + " (native)"
		}
	}
	return text
}
