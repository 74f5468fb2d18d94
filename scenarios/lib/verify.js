// Looking into the books after the run: was a seat sold twice?
//
//   double_sold_seats  how many bookings too many hold a seat: 0 when the books
//                      were read to the end and are clean
//   not_provable       1 when the books do not tell: no booking lists its seats,
//                      a list fails, no time to read them all; else 0, so that
//                      its absence means that verify did not come to its end
//   verified_seats     seats that were seen in a booking

import { Counter } from 'k6/metrics';

export const doubleSold = new Counter('double_sold_seats');
/** Also added to when there was no contention, no cancellation to look at. */
export const notProvable = new Counter('not_provable');
export const verifiedSeats = new Counter('verified_seats');

/** A list that fails is asked for so many times in all. */
const MOST_TRIES = 3;

/** After so long, reading that cannot end in time is given up. */
const PATIENCE_MS = 5000;

/**
 * @typedef {import('./tickets.js').Visitor} Visitor
 * @typedef {number | string} Id
 * @typedef {object} Holding who has a seat
 * @property {Id} seat
 * @property {Map<string, {id: Id, owner: Visitor}>} bookings by their ids as text
 * @typedef {object} Books
 * @property {Map<string, Holding>} seats by their ids as text
 * @property {number} gaps how many visitors' bookings could not be read
 */

/**
 * @param {Visitor[]} visitors
 * @param {number} lasting milliseconds from now
 */
export function verifyBookings(visitors, lasting) {
  const books = readBooks(visitors, lasting);
  const tooMany = soldTwice(books);
  verifiedSeats.add(books.seats.size);
  // A seat that was sold twice is proven, however much was not read; that none
  // was is proven by reading everything, and by finding anything at all.
  const proven = tooMany > 0 || (books.gaps === 0 && books.seats.size > 0);
  notProvable.add(proven ? 0 : 1);
  if (proven) {
    doubleSold.add(tooMany);
  }
}

/**
 * How many bookings too many hold a seat.
 * @param {Books} books
 * @returns {number}
 */
export function soldTwice({ seats }) {
  let tooMany = 0;
  for (const { bookings } of seats.values()) {
    tooMany += bookings.size - 1;
  }
  return tooMany;
}

/**
 * Reads everybody's bookings.
 * @param {Visitor[]} visitors
 * @param {number} lasting milliseconds from now
 * @returns {Books}
 */
export function readBooks(visitors, lasting) {
  const began = Date.now();
  /** @type {Books['seats']} */
  const seats = new Map();
  let gaps = 0;
  for (const [read, visitor] of visitors.entries()) {
    const spent = Date.now() - began;
    if (spent > PATIENCE_MS && (spent / read) * visitors.length > lasting) {
      gaps += visitors.length - read;
      break;
    }
    const bookings = patiently(() => visitor.bookings(), began + lasting);
    if (bookings === undefined) {
      gaps++;
      continue;
    }
    for (const booking of bookings) {
      // No list may also mean that this booking has no seat yet.
      for (const seat of booking.seats ?? []) {
        const held = seats.get(String(seat)) ?? { seat, bookings: new Map() };
        held.bookings.set(String(booking.id), { id: booking.id, owner: visitor });
        seats.set(String(seat), held);
      }
    }
  }
  return { seats, gaps };
}

/**
 * What `read` gives, asked again where it gives nothing; undefined when it
 * could not be had in time.
 * @template T
 * @param {() => T | undefined} read
 * @param {number} until
 * @returns {T | undefined}
 */
export function patiently(read, until) {
  for (let tries = 1; tries <= MOST_TRIES && Date.now() < until; tries++) {
    const found = read();
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}
