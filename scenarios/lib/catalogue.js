// Searching the catalogue of events: GET /api/events.

import http from 'k6/http';
import { check } from 'k6';
import { get, list, query } from './http.js';

const NAME = 'GET /api/events';
const FOUND = http.expectedStatuses(200);

/** The most events that a page may hold. */
export const MOST_PER_PAGE = 20;

/** What visitors look for: Cyrillic, spaces, quotation marks. */
export const WORDS = [
  'концерт',
  'Дмитрий Козлов',
  'азарт',
  'Чемпионат',
  'Красная шапочка',
  'Экспозиция "Звездные войны"',
];

/**
 * A whole number from `from` to `to`, both included.
 * @param {number} from
 * @param {number} to
 * @returns {number}
 */
export function between(from, to) {
  return from + Math.floor(Math.random() * (to - from + 1));
}

/**
 * @template T
 * @param {readonly T[]} values
 * @returns {T}
 */
export function oneOf(values) {
  return values[between(0, values.length - 1)];
}

/**
 * A day between the first of January of `from` and the last of December of
 * `to`, as YYYY-MM-DD.
 * @param {number} from
 * @param {number} to
 * @returns {string}
 */
export function dayIn(from, to) {
  const first = Date.UTC(from, 0, 1);
  const days = (Date.UTC(to + 1, 0, 1) - first) / 86_400_000;
  return new Date(first + between(0, days - 1) * 86_400_000).toISOString().slice(0, 10);
}

/**
 * @typedef {object} Search
 * @property {string} [query]
 * @property {string} [date]
 * @property {number} page
 * @property {number} pageSize
 */

/**
 * Searches once and checks that the answer is a list of events.
 * @param {string} api
 * @param {Search} search
 * @param {{mayBeEmpty: boolean, authorization?: string}} options
 * @returns {number} how many events were found
 */
export function search(api, search, { mayBeEmpty, authorization }) {
  const url = `${api}/api/events${query({ ...search })}`;
  const events = list(get(url, { name: NAME, authorization, expect: FOUND }), 'events');
  check(events, {
    'the answer is a list of events': (found) =>
      found !== undefined && (mayBeEmpty || found.length > 0) && found.every(isEvent),
  });
  return events === undefined ? 0 : events.length;
}

/**
 * Ids may be strings where numbers are too large for the service's language.
 * @param {any} event
 * @returns {boolean}
 */
function isEvent(event) {
  return event !== null && typeof event === 'object' && event.id !== undefined && typeof event.title === 'string';
}
