// EVENT_SEARCH: visitors look through the events on sale. Each arrival is one
// request: a page of all events, of a search word, of a day, or of both.

import { between, MOST_PER_PAGE, oneOf, search, WORDS } from './lib/catalogue.js';
import { level, openModel, target } from './lib/levels.js';

const API = target();

/** Days ahead on which events are on sale. */
const ON_SALE_DAYS = 90;

/** @type {import('k6/options').Options} */
export const options = {
  scenarios: openModel(level(), { exec: 'visit', requests: 1 }),
  thresholds: {
    'http_req_duration{scenario:steady}': ['p(95)<2000'],
    'http_req_failed{scenario:steady}': ['rate<0.05'],
    'checks{scenario:steady}': ['rate>0.95'],
  },
};

/** One arrival. */
export function visit() {
  const pageSize = between(1, MOST_PER_PAGE);
  switch (between(0, 3)) {
    case 0:
      // Something is always on sale: the one page that must not be empty.
      search(API, { page: 1, pageSize }, { mayBeEmpty: false });
      break;
    case 1:
      search(API, { page: between(1, 50), pageSize }, { mayBeEmpty: true });
      break;
    case 2:
      search(API, { query: oneOf(WORDS), page: between(1, 5), pageSize }, { mayBeEmpty: true });
      break;
    default:
      search(API, { query: oneOf([undefined, ...WORDS]), date: aDayOnSale(), page: 1, pageSize }, { mayBeEmpty: true });
  }
}

/**
 * @returns {string} YYYY-MM-DD
 */
function aDayOnSale() {
  return new Date(Date.now() + between(1, ON_SALE_DAYS) * 86_400_000).toISOString().slice(0, 10);
}

export default visit;
