// Looking into the books after the run: was a seat sold twice?
//
//   double_sold_seats  how many bookings too many hold a seat: 0 when the books
//                      were read to the end and are clean
//   not_provable       1 when the books do not tell: no booking lists its seats,
//                      a list fails, no time to read them all; else 0, so that
//                      its absence means that verify did not come to its end
//   verified_seats     seats that were seen in a booking

import { Counter } from 'k6/metrics';

const doubleSold = new Counter('double_sold_seats');
/** Also added to when there was no contention to look at. */
export const notProvable = new Counter('not_provable');
const verifiedSeats = new Counter('verified_seats');

/** A list that fails is asked for so many times in all. */
const MOST_TRIES = 3;

/** After so long, reading that cannot end in time is given up. */
const PATIENCE_MS = 5000;

/** @typedef {import('./tickets.js').Visitor} Visitor */

/**
 * @param {Visitor[]} visitors
 * @param {number} lasting milliseconds from now
 */
export function verifyBookings(visitors, lasting) {
  const books = readBooks(visitors, lasting);
  let seats = 0;
  let tooMany = 0;
  for (const bookings of books.holders.values()) {
    seats++;
    tooMany += bookings.size - 1;
  }
  verifiedSeats.add(seats);
  // A seat that was sold twice is proven, however much was not read; that none
  // was is proven by reading everything, and by finding anything at all.
  const proven = tooMany > 0 || (books.gaps === 0 && seats > 0);
  notProvable.add(proven ? 0 : 1);
  if (proven) {
    doubleSold.add(tooMany);
  }
}

/**
 * Reads everybody's bookings: which bookings hold a seat, and how much could
 * not be read.
 * @param {Visitor[]} visitors
 * @param {number} lasting milliseconds from now
 */
function readBooks(visitors, lasting) {
  const began = Date.now();
  /** @type {Map<string, Set<string>>} */
  const holders = new Map();
  let gaps = 0;
  for (const [read, visitor] of visitors.entries()) {
    const spent = Date.now() - began;
    if (spent > PATIENCE_MS && (spent / read) * visitors.length > lasting) {
      gaps += visitors.length - read;
      break;
    }
    const bookings = readPatiently(visitor, began + lasting);
    if (bookings === undefined) {
      gaps++;
      continue;
    }
    for (const booking of bookings) {
      // No list may also mean that this booking has no seat yet.
      for (const seat of booking.seats ?? []) {
        const held = holders.get(String(seat)) ?? new Set();
        holders.set(String(seat), held.add(String(booking.id)));
      }
    }
  }
  return { holders, gaps };
}

/**
 * A visitor's bookings; undefined when they could not be had in time.
 * @param {Visitor} visitor
 * @param {number} until
 */
function readPatiently(visitor, until) {
  for (let tries = 1; tries <= MOST_TRIES && Date.now() < until; tries++) {
    const bookings = visitor.bookings();
    if (bookings !== undefined) {
      return bookings;
    }
  }
  return undefined;
}
