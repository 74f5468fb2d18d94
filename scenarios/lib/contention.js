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
const SEATS = 23;
const SLOT_MS = 50;

/** Pages that are looked through for the seats to fight for. */
const MOST_PAGES = 4;

/** Pages of seats that a hall may have (the contest's stadium: 5000), else few. */
const PAGES = [5000, 500];
const FEW_PAGES = 50;
/** Where the last page is looked for: a few seats may be sold already. */
const NEAR_END = 0.98;

/** A slow service is not asked for how many pages it has. */
const SURVEY_MS = 4000;

/**
 * @typedef {import('./tickets.js').Visitor} Visitor
 */

/**
 * Looks at the seats before anyone books. `contested` are the first free seats,
 * fewer or none where the service has no more; `pages` is how many pages of
 * seats there are, roughly: enough to spread visitors over the hall; `atLeast`
 * is how many free seats were seen to be there.
 * @param {Visitor} visitor
 * @returns {{contested: (number | string)[], pages: number, atLeast: number}}
 */
export function surveySeats(visitor) {
  const began = Date.now();
  /** @type {Set<number | string>} */
  const seats = new Set();
  let perPage = 0;
  for (let page = 1; page <= MOST_PAGES && seats.size < SEATS; page++) {
    const found = visitor.seats({ page, status: 'FREE' }) ?? visitor.seats({ page, status: 'FREE' });
    if (found === undefined || found.length === 0) {
      break;
    }
    perPage = Math.max(perPage, found.length);
    found.filter((seat) => seat.free).forEach((seat) => seats.add(seat.id));
  }
  const contested = [...seats].slice(0, SEATS);
  const pages = PAGES.find((page) => {
    const last = Math.floor(page * NEAR_END);
    const found = Date.now() - began < SURVEY_MS ? visitor.seats({ page: last, status: 'FREE' }) : undefined;
    // A service that ignores the page answers with the first one.
    return found !== undefined && found.length > 0 && found[0].id !== contested[0];
  });
  const atLeast = pages === undefined ? seats.size : Math.floor(pages * NEAR_END) * perPage;
  return { contested, pages: pages ?? FEW_PAGES, atLeast };
}

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
