package spotcheck

import (
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// question is one of the searches that are asked.
type question int

const (
	all     question = iota // the first page of all events
	word                    // of those with a common word
	nothing                 // of a word that no event has
	first                   // the first small page
	second                  // the one after it
	questions
)

// when an answer was given.
type when int

const (
	before when = iota // before any load
	during             // under load, to a plain client
	loaded             // under load, to one that looks like the load generator
)

// seen is one answer.
type seen struct {
	question question
	when     when
	answer   answer
	round    int // pairs the answers to both clients
}

// enough is how often the same must have been seen before it is told to anyone:
// what a service does once or twice may be chance.
const enough = 3

// doubt is a suspicion without its place.
type doubt struct {
	kind     contest.SuspicionKind
	sentence string
}

// judge says what is odd about a service's answers. It compares only what was
// found: errors, however many, are the load's to judge.
func judge(answers []seen) []doubt {
	var doubts []doubt
	for _, look := range []func([]seen) *doubt{byClient, refusesOthers, underLoad, empty, query, page} {
		if d := look(answers); d != nil {
			doubts = append(doubts, *d)
		}
	}
	return doubts
}

// of returns the lists that were found in answer to a question.
func of(answers []seen, q question, w when) (found []answer) {
	for _, s := range answers {
		if s.question == q && s.when == w && s.answer.good() {
			found = append(found, s.answer)
		}
	}
	return found
}

// steady returns what all the answers list, if they are enough and the same.
func steady(found []answer, least int) (answer, bool) {
	if len(found) < least {
		return answer{}, false
	}
	for _, a := range found[1:] {
		if a.key() != found[0].key() {
			return answer{}, false
		}
	}
	return found[0], true
}

// byClient finds a question that plain clients, whatever they look like, get one
// answer to and the load generator never does. A service whose order changes from call to
// call, or that keeps an answer for each kind of client, has no such question.
func byClient(answers []seen) *doubt {
	for q := range questions {
		plain, ok := steady(of(answers, q, during), enough)
		generators := of(answers, q, loaded)
		if !ok || len(generators) < enough || matches(generators, plain) > 0 {
			continue
		}
		return &doubt{contest.SuspicionByClient, fmt.Sprintf(
			"Under load, other clients were answered with the same %d events all %d times, and one that looks like the load generator never was: it got %d.",
			len(plain.ids), len(of(answers, q, during)), len(generators[0].ids))}
	}
	return nil
}

func matches(found []answer, like answer) (n int) {
	for _, a := range found {
		if a.key() == like.key() {
			n++
		}
	}
	return n
}

// refusesOthers finds a service that gives the load generator each list that it
// asks for, and refuses everybody else with one status.
func refusesOthers(answers []seen) *doubt {
	status, refused, given := 0, 0, 0
	for _, s := range answers {
		switch {
		case s.when == loaded && !s.answer.good():
			return nil // it is refused too, now and then
		case s.when == loaded:
			given++
		case s.when == before:
		case s.answer.status/100 == 2 || status != 0 && s.answer.status != status:
			return nil
		default:
			status = s.answer.status
			refused++
		}
	}
	if min(given, refused) < 2*enough {
		return nil
	}
	return &doubt{contest.SuspicionByClient, fmt.Sprintf(
		"Under load, a client that looks like the load generator was given lists, and others were refused with %d all %d times.", status, refused)}
}

// underLoad finds a service that lists less under load than before it.
func underLoad(answers []seen) *doubt {
	rested, ok := steady(of(answers, all, before), 2)
	if !ok {
		return nil
	}
	pressed, ok := steady(append(of(answers, all, during), of(answers, all, loaded)...), 2*enough)
	if !ok || len(pressed.ids) >= len(rested.ids) {
		return nil
	}
	return &doubt{contest.SuspicionUnderLoad, fmt.Sprintf(
		"The first page of all events held %d before the load, and %d under it, all the time.", len(rested.ids), len(pressed.ids))}
}

// empty finds a service that lists nothing to anybody, ever.
func empty(answers []seen) *doubt {
	found := append(append(of(answers, all, before), of(answers, all, during)...), of(answers, all, loaded)...)
	list, ok := steady(found, 2*enough)
	if !ok || len(list.ids) > 0 {
		return nil
	}
	return &doubt{contest.SuspicionEmpty, fmt.Sprintf("The list of all events was empty all %d times: the service has no events, or does not look for them.", len(found))}
}

// query finds a service whose searches all find what no search would.
func query(answers []seen) *doubt {
	list, ok := sameFor(answers, all, word, nothing)
	if !ok {
		return nil
	}
	return &doubt{contest.SuspicionQuery, fmt.Sprintf(
		"Searches for a common word, for a word that no event can have, and for nothing at all found the same %d events each time.", len(list.ids))}
}

// page finds a service whose pages are all the same, though it has more events
// than fit on one.
func page(answers []seen) *doubt {
	list, ok := sameFor(answers, first, second)
	if !ok {
		return nil
	}
	whole, ok := steady(of(answers, all, loaded), enough)
	if !ok || len(whole.ids) <= len(list.ids) {
		return nil
	}
	return &doubt{contest.SuspicionPage, fmt.Sprintf(
		"The first and the second page held the same %d events each time, though there are more.", len(list.ids))}
}

// sameFor returns the list that the load generator was given to all of the questions, if
// there is anything on it.
func sameFor(answers []seen, asked ...question) (answer, bool) {
	var found []answer
	for _, q := range asked {
		one := of(answers, q, loaded)
		if len(one) < enough {
			return answer{}, false
		}
		found = append(found, one...)
	}
	list, ok := steady(found, 1)
	return list, ok && len(list.ids) > 0
}

// pair is what two users got who each opened a booking.
type pair struct{ one, other answer }

// bookings finds a service that gives one booking to two users.
func bookings(pairs []pair) *doubt {
	same := 0
	for _, p := range pairs {
		if p.one.status/100 != 2 || p.other.status/100 != 2 || p.one.id == "" || p.other.id == "" {
			continue
		}
		if p.one.id != p.other.id {
			return nil
		}
		same++
	}
	if same < enough {
		return nil
	}
	return &doubt{contest.SuspicionBookingIDs, fmt.Sprintf("Two users who each opened a booking got the same number, %d of %d times.", same, same)}
}
