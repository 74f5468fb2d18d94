// One visitor cancels a booking, and how it is counted.
//
//   cancelled_bookings    bookings that were cancelled and are gone
//   failed_cancellations  those that were not
//   cancel_success        the rate over both

import { check } from 'k6';
import { Counter, Rate } from 'k6/metrics';
import { attempt } from './attempt.js';
import { made, same } from './tickets.js';

const cancelled = new Counter('cancelled_bookings');
const failed = new Counter('failed_cancellations');
const success = new Rate('cancel_success');

/**
 * @typedef {import('./tickets.js').Visitor} Visitor
 * @typedef {import('./tickets.js').Booking} Booking
 */

/**
 * Looks at the own bookings, cancels the oldest one and looks again. A visitor
 * who has nothing to cancel, because bookings fail here, books first: every
 * call is one attempt to cancel.
 * @param {Visitor} visitor
 * @param {import('./attempt.js').Hall} hall
 */
export function cancel(visitor, hall) {
  let booking = oldest(visitor);
  if (booking === undefined) {
    attempt(visitor, hall);
    booking = oldest(visitor);
  }
  const done = booking !== undefined && made(visitor.cancel(booking.id, { mine: true })) && isGone(visitor, booking.id);
  success.add(done);
  (done ? cancelled : failed).add(1);
}

/**
 * The visitor's oldest booking that holds seats. The newest may still be in the
 * making, in another window of the same visitor. Numbers rise; of other ids
 * the first one listed is taken.
 * @param {Visitor} visitor
 * @returns {Booking | undefined}
 */
function oldest(visitor) {
  const held = visitor.bookings()?.filter((booking) => booking.seats === undefined || booking.seats.length > 0) ?? [];
  return held.sort((one, other) => Number(one.id) - Number(other.id) || 0)[0];
}

/**
 * Whether the visitor's bookings show no more of it. A service may go on
 * listing it, but not its seats.
 * @param {Visitor} visitor
 * @param {number | string} booking
 * @returns {boolean}
 */
function isGone(visitor, booking) {
  return check(visitor.bookings(), {
    'the cancelled booking is gone': (own) =>
      own !== undefined && !own.some((listed) => same(listed.id, booking) && listed.seats?.length !== 0),
  });
}
