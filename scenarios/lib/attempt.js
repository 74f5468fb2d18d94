// One visitor's attempt to book a seat, and how it is counted.
//
//   successful_bookings   attempts that ended in a booking
//   failed_bookings       attempts that did not
//   booking_success       the rate over both
//   conflict_bookings     419s: somebody else was quicker; retried elsewhere,
//                         so no attempts of their own
//   failed_seat_requests  lists of seats that were none
//   sold_out_arrivals     visitors who found everything sold: no attempts

import { check } from 'k6';
import { Counter, Rate } from 'k6/metrics';
import { between, oneOf } from './catalogue.js';
import { made, same } from './tickets.js';

const successful = new Counter('successful_bookings');
const failed = new Counter('failed_bookings');
const success = new Rate('booking_success');
const conflicts = new Counter('conflict_bookings');
const failedSeatRequests = new Counter('failed_seat_requests');
const soldOut = new Counter('sold_out_arrivals');

/** A visitor looks at so many pages, and loses so many seats, before giving up. */
const MOST_PAGES = 8;
const MOST_CONFLICTS = 8;
/** After so many lost seats of one page the visitor opens another one. */
const CONFLICTS_PER_PAGE = 2;

/**
 * @typedef {import('./tickets.js').Visitor} Visitor
 * @typedef {import('./tickets.js').Seat} Seat
 * @typedef {object} Hall
 * @property {(number | string)[]} contested seats to leave alone
 * @property {number} pages pages of seats, roughly
 * @property {boolean} mayRunOut whether this run could sell all of them
 * @typedef {'booked' | 'failed' | 'sold out'} Outcome
 */

/**
 * @param {Visitor} visitor
 * @param {Hall} hall
 */
export function attempt(visitor, hall) {
  const outcome = tryToBook(visitor, hall);
  if (outcome === 'sold out') {
    soldOut.add(1);
    return;
  }
  success.add(outcome === 'booked');
  (outcome === 'booked' ? successful : failed).add(1);
}

/**
 * @param {Visitor} visitor
 * @param {Hall} hall
 * @returns {Outcome}
 */
function tryToBook(visitor, hall) {
  let free = findFree(visitor, hall);
  if (free === undefined) {
    return 'failed';
  }
  if (free.length === 0) {
    return hall.mayRunOut ? 'sold out' : 'failed';
  }
  const booking = visitor.book();
  if (booking === undefined) {
    return 'failed';
  }
  for (let lost = 1; lost <= MOST_CONFLICTS; lost++) {
    const seat = oneOf(free);
    const answer = visitor.select(booking, seat.id);
    if (made(answer)) {
      return isBooked(visitor, booking, seat.id) ? 'booked' : 'failed';
    }
    if (answer.status !== 419) {
      return 'failed';
    }
    conflicts.add(1);
    free = free.filter((other) => other !== seat);
    if (free.length === 0 || lost % CONFLICTS_PER_PAGE === 0) {
      free = findFree(visitor, hall);
    }
    if (free === undefined || free.length === 0) {
      return 'failed';
    }
  }
  return 'failed';
}

/**
 * The free seats of a random page. There are fewer pages of free seats as seats
 * are sold: behind an empty one, only the lower half is searched on. Empty when
 * nothing was found free; undefined when the service gave no list.
 * @param {Visitor} visitor
 * @param {Hall} hall
 * @returns {Seat[] | undefined}
 */
function findFree(visitor, hall) {
  let last = hall.pages;
  for (let tries = 1; tries <= MOST_PAGES; tries++) {
    const page = between(1, last);
    const seats = visitor.seats({ page, status: 'FREE' });
    if (seats === undefined) {
      failedSeatRequests.add(1);
      return undefined;
    }
    const free = seats.filter((seat) => seat.free && !hall.contested.includes(seat.id));
    if (free.length > 0) {
      return free;
    }
    if (seats.length === 0) {
      last = Math.max(1, Math.floor(page / 2));
    }
  }
  return [];
}

/**
 * Whether the visitor's own bookings show the seat: a booking that its owner
 * cannot see is none. A service that does not list seats at all is taken at its
 * word here; verify says that nothing is proven then.
 * @param {Visitor} visitor
 * @param {number | string} booking
 * @param {number | string} seat
 * @returns {boolean}
 */
function isBooked(visitor, booking, seat) {
  const own = visitor.bookings()?.find((candidate) => same(candidate.id, booking));
  return check(own, {
    'the booking is listed with its seat': (b) =>
      b !== undefined && (b.seats === undefined || b.seats.some((listed) => same(listed, seat))),
  });
}
