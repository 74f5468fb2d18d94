// What the hall of the concert looks like before anyone books.

import { BOUND_MS } from './levels.js';

/** Pages that are looked through for the first free seats. */
const MOST_PAGES = 4;

/** Pages of seats that a hall may have (the contest's stadium: 5000), else few. */
const PAGES = [5000, 500];
const FEW_PAGES = 50;
/** Where the last page is looked for: a few seats may be sold already. */
const NEAR_END = 0.98;

/** A service slower than the bound is not asked for how many pages it has. */
const SURVEY_MS = BOUND_MS;

/**
 * Looks at the seats before anyone books, and only looks: it may be done once
 * on each of several generators and finds the same on each. `first` are the
 * first free seats, fewer or none where the service has no more; `pages` is how
 * many pages of seats there are, roughly: enough to spread visitors over the
 * hall; `atLeast` is how many free seats were seen to be there.
 * @param {import('./tickets.js').Visitor} visitor
 * @param {number} most first seats that are wanted, at least one
 * @returns {{first: (number | string)[], pages: number, atLeast: number}}
 */
export function surveySeats(visitor, most) {
  const began = Date.now();
  /** @type {Set<number | string>} */
  const seats = new Set();
  let perPage = 0;
  for (let page = 1; page <= MOST_PAGES && seats.size < most; page++) {
    const found = visitor.seats({ page, status: 'FREE' }) ?? visitor.seats({ page, status: 'FREE' });
    if (found === undefined || found.length === 0) {
      break;
    }
    perPage = Math.max(perPage, found.length);
    found.filter((seat) => seat.free).forEach((seat) => seats.add(seat.id));
  }
  const first = [...seats].slice(0, most);
  const pages = PAGES.find((page) => {
    const last = Math.floor(page * NEAR_END);
    const found = Date.now() - began < SURVEY_MS ? visitor.seats({ page: last, status: 'FREE' }) : undefined;
    // A service that ignores the page answers with the first one.
    return found !== undefined && found.length > 0 && found[0].id !== first[0];
  });
  const atLeast = pages === undefined ? seats.size : Math.floor(pages * NEAR_END) * perPage;
  return { first, pages: pages ?? FEW_PAGES, atLeast };
}
