// Contention: several visitors reach for one seat at the same moment.
//
// The contestants are VUs that share no memory and may even sit on different
// machines. They meet by the clock: time is cut into slots, the number of the
// slot says which seat it is about, and everybody fires when it begins. A
// contestant who is still waiting for an answer misses slots, but never fires
// at another seat than the rest.

import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { made } from './tickets.js';
import { notProvable } from './verify.js';

const selected = new Counter('contention_selected');
const refused = new Counter('contention_refused');

/** How many visitors reach for the same seat. */
export const CONTESTANTS = 10;

/**
 * How many seats they fight for. The number is prime: contestants of a service
 * that answers slower than a slot fire only every second or third slot, and
 * still meet at every seat.
 */
export const CONTESTED = 23;
const SLOT_MS = 50;

/**
 * @typedef {import('./tickets.js').Visitor} Visitor
 */

/**
 * One contestant: a booking of the own, then each contested seat once.
 * @param {Visitor} visitor
 * @param {{seats: (number | string)[], lasting: number}} contest lasting: milliseconds from now
 */
export function contend(visitor, { seats, lasting }) {
  const ends = Date.now() + lasting;
  if (seats.length === 0) {
    notProvable.add(1);
    return;
  }
  const booking = visitor.book();
  if (booking === undefined) {
    return;
  }
  const left = new Set(seats);
  while (left.size > 0) {
    const slot = Math.floor(Date.now() / SLOT_MS) + 1;
    if (slot * SLOT_MS > ends) {
      return;
    }
    sleep((slot * SLOT_MS - Date.now()) / 1000);
    const seat = seats[slot % seats.length];
    if (left.delete(seat)) {
      count(visitor.select(booking, seat));
    }
  }
}

/**
 * @param {import('./tickets.js').Answer} answer
 */
function count(answer) {
  if (made(answer)) {
    selected.add(1);
  } else if (answer.status === 419) {
    refused.add(1);
  }
}
