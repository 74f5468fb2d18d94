// ARCHIVE_SEARCH: visitors look through ten years of past events. Each arrival
// is one request for a day of the archive, mostly with a search word.

import { Counter } from 'k6/metrics';
import { between, dayIn, MOST_PER_PAGE, oneOf, search, WORDS } from './lib/catalogue.js';
import { level, openModel, target } from './lib/levels.js';

const API = target();

/** The years that the archive covers. */
const FIRST_YEAR = 2015;
const LAST_YEAR = 2024;

// An empty list is a right answer to a search, so it is no failure; but a
// service that never finds anything shows here that its archive is empty.
const eventsFound = new Counter('archive_events_found');

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
  const found = search(API, wanted(), { mayBeEmpty: true });
  eventsFound.add(found);
}

/**
 * @returns {import('./lib/catalogue.js').Search}
 */
function wanted() {
  const date = dayIn(FIRST_YEAR, LAST_YEAR);
  const pageSize = between(1, MOST_PER_PAGE);
  switch (between(0, 3)) {
    case 0:
      return { date, page: between(1, 3), pageSize };
    case 1:
      return { query: oneOf(WORDS), page: between(1, 50), pageSize };
    default:
      return { query: oneOf(WORDS), date, page: 1, pageSize };
  }
}

export default visit;
