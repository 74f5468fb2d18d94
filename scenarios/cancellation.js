// TICKET_CANCELLATION: visitors cancel while others book, and each seat that
// they give back is for sale again, once.
//
// `steady` is the load: visitors book, as in booking.js; after a while some of
// those who arrive cancel an earlier booking of theirs instead. The contest's
// rule sheet is the default: of 100,000 visitors in ten minutes 90,000 book and
// 10,000, who come after three minutes, cancel.
//
// `verify` reads everybody's bookings, from before the first cancellation until
// after the load, and the hall: which seats were given back, and are they free?
// Then it cancels some bookings itself, more than once each, and has several
// visitors reach for the seat. One who got it is right; two are a double sale.
//
//   CANCEL_AFTER    when the cancellations begin (default: after 3/10 of
//                   DURATION; later, up to its middle, where that is too soon
//                   for a booking to be made)
//   CANCEL_PERCENT  how many per cent of all visitors cancel (default 10; in a
//                   short run at least six, so that there is something to see)
//   BOOKING_USERS   the most users that take part (default 1000): verify walks all

import { sleep } from 'k6';
import exec from 'k6/execution';
import { attempt } from './lib/attempt.js';
import { cancel } from './lib/cancel.js';
import { verifyCancellations, watchBooks } from './lib/freed.js';
import { surveySeats } from './lib/hall.js';
import { arrivals, BOUND_MS, level, milliseconds, openModel, REQUEST_TIMEOUT_MS, target, whole } from './lib/levels.js';
import { CANCEL, Visitor } from './lib/tickets.js';
import { loadUsers } from './lib/users.js';

const API = target();
const LEVEL = level();

/** A booking is four requests: within the bound it is over by then. */
const REQUESTS = 4;
const CANCEL_AFTER = cancelAfter();
const { first: FIRST, every: EVERY } = cancellations();

/** verify sees what is booked before the cancellations begin. */
const VERIFY_START = LEVEL.ramp + Math.floor(CANCEL_AFTER * 0.75);
const LOAD_LEFT = LEVEL.ramp + LEVEL.duration - VERIFY_START;
const PAUSE_MS = 500;

/** The rivals for a seat, and an owner. */
const FEWEST_USERS = 12;
const users = loadUsers(
  (path) => open(path),
  Math.min(whole('BOOKING_USERS', '1000'), Math.max(FEWEST_USERS, arrivals(LEVEL))),
);
/** verify stops by itself before the generator would cut it off in silence. */
const TIMES = {
  books: 5000 + users.length * 200,
  hall: Math.min(60_000, Math.max(5000, LEVEL.duration / 10)),
  cancelling: Math.min(30_000, Math.max(3000, LEVEL.duration / 10)),
};

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    ...openModel(LEVEL, { exec: 'visit', requests: REQUESTS }),
    verify: {
      executor: 'per-vu-iterations',
      exec: 'verify',
      startTime: `${VERIFY_START}ms`,
      vus: 1,
      iterations: 1,
      maxDuration: `${Math.ceil(LOAD_LEFT + PAUSE_MS + 2 * TIMES.books + TIMES.hall + TIMES.cancelling)}ms`,
      gracefulStop: `${2 * REQUEST_TIMEOUT_MS}ms`,
    },
  },
  thresholds: {
    'http_req_duration{scenario:steady}': ['p(95)<2000'],
    // One request in forty is one of these: they could all be late in the other.
    [`http_req_duration{scenario:steady,name:${CANCEL}}`]: ['p(95)<2000'],
    'booking_success{scenario:steady}': ['rate>0.95'],
    'cancel_success{scenario:steady}': ['rate>0.95'],
    double_sold_seats: ['count<1'],
    double_freed_seats: ['count<1'],
    seats_not_freed: ['count<1'],
    not_provable: ['count<1'],
  },
};

/**
 * When the cancellations begin, in milliseconds of the judged phase.
 * @returns {number}
 */
function cancelAfter() {
  const usual = Math.max(LEVEL.duration * 0.3, Math.min(LEVEL.duration * 0.5, REQUESTS * BOUND_MS));
  const wanted = __ENV.CANCEL_AFTER ? milliseconds('CANCEL_AFTER', __ENV.CANCEL_AFTER) : usual;
  if (wanted >= LEVEL.duration) {
    throw new Error(`CANCEL_AFTER is ${wanted} ms: it must be shorter than DURATION, ${LEVEL.duration} ms`);
  }
  return wanted;
}

/**
 * Which arrivals cancel: from the `first` on one of `every`.
 * @returns {{first: number, every: number}}
 */
function cancellations() {
  const percent = whole('CANCEL_PERCENT', '10');
  const total = (LEVEL.users * LEVEL.duration) / LEVEL.unit;
  const first = Math.ceil((LEVEL.users * CANCEL_AFTER) / LEVEL.unit);
  const wanted = Math.max((total * percent) / 100, 6);
  // Never more than half of them, so that others go on booking.
  return { first, every: Math.max(2, Math.floor((total - first) / wanted)) };
}

/**
 * Looks at the seats before anyone books. It never throws: a service that does
 * not answer has to fail by what the visitors meet.
 * @returns {import('./lib/attempt.js').Hall}
 */
export function setup() {
  const { pages, atLeast } = surveySeats(new Visitor(API, users[0]), 1);
  // Twice as many, because an attempt may leave more than one seat taken.
  return { contested: [], pages, mayRunOut: atLeast > 0 && atLeast < 2 * arrivals(LEVEL) };
}

/**
 * Whether an arrival comes to cancel.
 * @param {number} n its number in its phase
 * @returns {boolean}
 */
export function cancels(n) {
  return n >= FIRST && (n - FIRST) % EVERY === 0;
}

/**
 * One arrival. The first to cancel are those who were the first to book, so that
 * CANCEL_AFTER at least has passed since.
 * @param {ReturnType<typeof setup>} hall
 */
export function visit(hall) {
  const n = exec.scenario.iterationInTest;
  if (cancels(n)) {
    cancel(new Visitor(API, users[((n - FIRST) / EVERY) % users.length]), hall);
    return;
  }
  attempt(new Visitor(API, users[n % users.length]), hall);
}

/** Watches the books under load, and looks into them after it. */
export function verify() {
  const visitors = users.map((user) => new Visitor(API, user));
  const seen = watchBooks(visitors, LOAD_LEFT);
  sleep(PAUSE_MS / 1000);
  verifyCancellations(visitors, seen, TIMES);
}

export default visit;
