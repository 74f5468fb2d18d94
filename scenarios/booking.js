// TICKET_BOOKING: many visitors book one seat each, and no seat is sold twice.
//
// `steady` is the load: a visitor opens a random page of free seats, opens a
// booking, selects a seat and looks whether it is there. Who is too late for a
// seat (419) takes another one: a conflict, not a failed attempt.
//
// `contention` lets CONTESTANTS visitors reach for the same seat at the same
// moment, seat after seat.
//
// `verify` then reads the bookings of every visitor that took part. A seat in
// two bookings was sold twice. Only the service's own books can show that: an
// answer 200 may be wrong, and no generator sees the answers of another.
//
//   BOOKING_USERS  the most users that take part (default 1000): verify walks all

import exec from 'k6/execution';
import { arrivals, level, openModel, REQUEST_TIMEOUT_MS, target, whole } from './lib/levels.js';
import { attempt } from './lib/attempt.js';
import { contend, CONTESTANTS, CONTESTED } from './lib/contention.js';
import { surveySeats } from './lib/hall.js';
import { Visitor } from './lib/tickets.js';
import { loadUsers } from './lib/users.js';
import { verifyBookings } from './lib/verify.js';

const API = target();
const LEVEL = level();

/** A pause between the load and the contention, and how long the latter may take. */
const PAUSE_MS = 500;
const CONTENTION_MS = Math.min(30_000, Math.max(2000, LEVEL.duration / 10));
const CONTENTION_START = LEVEL.ramp + LEVEL.duration + PAUSE_MS;
const VERIFY_START = CONTENTION_START + CONTENTION_MS + PAUSE_MS;

const MOST_USERS = whole('BOOKING_USERS', '1000');
const users = loadUsers((path) => open(path), Math.min(MOST_USERS, Math.max(2 * CONTESTANTS, arrivals(LEVEL))));
/** verify stops by itself before the generator would cut it off in silence. */
const VERIFY_MS = 5000 + users.length * 200;

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: {
    ...openModel(LEVEL, { exec: 'book', requests: 4 }),
    contention: {
      executor: 'per-vu-iterations',
      exec: 'contention',
      startTime: `${CONTENTION_START}ms`,
      vus: CONTESTANTS,
      iterations: 1,
      maxDuration: `${CONTENTION_MS}ms`,
      gracefulStop: `${2 * REQUEST_TIMEOUT_MS}ms`,
    },
    verify: {
      executor: 'per-vu-iterations',
      exec: 'verify',
      startTime: `${VERIFY_START}ms`,
      vus: 1,
      iterations: 1,
      maxDuration: `${VERIFY_MS}ms`,
      gracefulStop: `${2 * REQUEST_TIMEOUT_MS}ms`,
    },
  },
  thresholds: {
    'http_req_duration{scenario:steady}': ['p(95)<2000'],
    'booking_success{scenario:steady}': ['rate>0.95'],
    double_sold_seats: ['count<1'],
    not_provable: ['count<1'],
  },
};

/**
 * Looks at the seats before anyone books: which ones the contention is about,
 * and how many pages there are. It only reads, so it may run once on each of
 * several generators and finds the same on each. It never throws: a service
 * that does not answer has to fail by what the visitors meet.
 * @returns {import('./lib/attempt.js').Hall}
 */
export function setup() {
  const { first: contested, pages, atLeast } = surveySeats(new Visitor(API, users[0]), CONTESTED);
  // Twice as many, because an attempt may leave more than one seat taken.
  return { contested, pages, mayRunOut: contested.length > 0 && atLeast < 2 * arrivals(LEVEL) };
}

/**
 * One arrival.
 * @param {ReturnType<typeof setup>} data
 */
export function book(data) {
  const user = users[exec.scenario.iterationInTest % users.length];
  attempt(new Visitor(API, user), data);
}

/**
 * One contestant. They are taken from the first users only, where verify begins.
 * @param {ReturnType<typeof setup>} data
 */
export function contention(data) {
  const user = users[exec.vu.idInTest % Math.min(users.length, 2 * CONTESTANTS)];
  contend(new Visitor(API, user), { seats: data.contested, lasting: CONTENTION_MS });
}

/** The one look into the books. */
export function verify() {
  verifyBookings(
    users.map((user) => new Visitor(API, user)),
    VERIFY_MS,
  );
}

export default book;
