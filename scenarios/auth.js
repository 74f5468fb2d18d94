// AUTH_PERFORMANCE: does a service know who is asking, and how fast?
//
// `walk` is the organisers' check: a visitor books a seat, another one tries to
// take it away and must be refused, the first one gives it back. One VU, six
// times, seven requests each.
//
// `steady` is the load: each arrival is one visitor who authenticates. Every
// tenth one has the password wrong and must be refused, so that a service that
// looks at no password does not pass by being quick.

import http from 'k6/http';
import exec from 'k6/execution';
import { check } from 'k6';
import { get, list } from './lib/http.js';
import { arrivals, level, openModel, REQUEST_TIMEOUT_MS, target } from './lib/levels.js';
import { made, Visitor } from './lib/tickets.js';
import { basicAuth, loadUsers } from './lib/users.js';

const API = target();
const LEVEL = level();

/** One visitor in so many has the password wrong. */
const WRONG_EVERY = 10;
const WALKS = 6;
/** The walk looks at so many pages for a free seat, then it gives up. */
const MOST_PAGES = 5;
const WALK_MS = Math.max(LEVEL.ramp + LEVEL.duration, 10_000);

const users = loadUsers((path) => open(path), Math.max(2 * WALKS, arrivals(LEVEL)));
if (users.length < 2) {
  throw new Error('the users file holds one active user; the walk takes two');
}

const WELCOME = http.expectedStatuses(200);
const REFUSED = http.expectedStatuses(401);

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    walk: {
      executor: 'per-vu-iterations',
      exec: 'walk',
      vus: 1,
      iterations: WALKS,
      maxDuration: `${WALK_MS}ms`,
      gracefulStop: `${REQUEST_TIMEOUT_MS}ms`,
    },
    ...openModel(LEVEL, { exec: 'authenticate', requests: 1 }),
  },
  thresholds: {
    'checks{scenario:walk}': ['rate>0.95'],
    'checks{scenario:steady}': ['rate>0.95'],
    'http_req_duration{scenario:steady}': ['p(95)<2000'],
    'http_req_failed{scenario:steady}': ['rate<0.05'],
  },
};

/** One arrival of the load. */
export function authenticate() {
  const n = exec.scenario.iterationInTest;
  const user = users[n % users.length];
  const wrong = n % WRONG_EVERY === WRONG_EVERY - 1;
  const answer = get(`${API}/api/bookings`, {
    name: wrong ? 'GET /api/bookings (wrong password)' : 'GET /api/bookings',
    authorization: basicAuth(wrong ? { email: user.email, password: `${user.password}!` } : user),
    expect: wrong ? REFUSED : WELCOME,
  });
  if (wrong) {
    check(answer, { 'a wrong password is refused with 401': (a) => a.status === 401 });
  } else {
    check(answer, { 'the visitor sees the own bookings': (a) => list(a, 'bookings') !== undefined });
  }
}

/**
 * One walk. A step that could not be tried counts as failed: each walk has the
 * same seven checks, whatever the service answers.
 */
export function walk() {
  const pair = 2 * exec.scenario.iterationInTest;
  const owner = new Visitor(API, users[pair % users.length]);
  const stranger = new Visitor(API, users[(pair + 1) % users.length]);

  const seat = freeSeat(owner);
  const booking = owner.book();
  const steps = { seat, booking, selected: false, release: 0, cancel: 0, released: false, cancelled: false };
  if (booking !== undefined && seat !== undefined) {
    steps.selected = made(owner.select(booking, seat));
    steps.release = stranger.release(seat, { mine: false }).status;
    steps.cancel = stranger.cancel(booking, { mine: false }).status;
    steps.released = made(owner.release(seat, { mine: true }));
    steps.cancelled = made(owner.cancel(booking, { mine: true }));
  }
  check(steps, {
    'the owner finds a free seat': (s) => s.seat !== undefined,
    'the owner opens a booking': (s) => s.booking !== undefined,
    'the owner selects the seat': (s) => s.selected,
    'a stranger may not release the seat (403)': (s) => s.release === 403,
    'a stranger may not cancel the booking (403)': (s) => s.cancel === 403,
    'the owner releases the seat': (s) => s.released,
    'the owner cancels the booking': (s) => s.cancelled,
  });
}

/**
 * A free seat from the first pages; undefined when there is none, so that a
 * service without a free seat ends the walk instead of holding it for ever.
 * @param {Visitor} visitor
 * @returns {number | string | undefined}
 */
function freeSeat(visitor) {
  for (let page = 1; page <= MOST_PAGES; page++) {
    const seats = visitor.seats({ page, status: 'FREE' });
    const free = seats?.find((seat) => seat.free);
    if (free !== undefined || seats === undefined || seats.length === 0) {
      return free?.id;
    }
  }
  return undefined;
}

export default authenticate;
