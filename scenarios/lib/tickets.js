// Buying tickets: the calls of a visitor who has an account. Every call reads
// what real services answer: 200 or 201, empty bodies, null for an empty list,
// {"id"} or {"seat_id"} inside a booking, filters that are ignored.

import http from 'k6/http';
import { get, json, list, patch, post, query } from './http.js';
import { basicAuth } from './users.js';

/** The concert that the contest sells. */
export const EVENT = 1;

/** The most seats that a page may hold. */
export const SEATS_PER_PAGE = 20;

const OK = http.expectedStatuses(200);
const MADE = http.expectedStatuses(200, 201);
const SELECTED = http.expectedStatuses(200, 201, 419); // 419: somebody was quicker
const REFUSED = http.expectedStatuses(403);
const ANSWERED = http.expectedStatuses({ min: 200, max: 499 }); // whatever it says, the service works

/** The route that the script of cancellations judges by itself. */
export const CANCEL = 'PATCH /api/bookings/cancel';

/**
 * @typedef {import('./http.js').Answer} Answer
 * @typedef {import('./users.js').User} User
 * @typedef {{url: string, body: unknown, call: import('./http.js').Call}} Change a PATCH, not yet sent
 * @typedef {{id: number | string, free: boolean}} Seat
 * @typedef {{id: number | string, event: number | string | undefined, seats: (number | string)[] | undefined}} Booking
 */

/** One visitor at one service. */
export class Visitor {
  /**
   * @param {string} api
   * @param {User} user
   */
  constructor(api, user) {
    this.api = api;
    this.authorization = basicAuth(user);
  }

  /**
   * A page of the concert's seats; undefined when the service gave no list.
   * @param {{page: number, status?: string}} filter
   * @returns {Seat[] | undefined}
   */
  seats({ page, status }) {
    const url = `${this.api}/api/seats${query({ event_id: EVENT, status, page, pageSize: SEATS_PER_PAGE })}`;
    const answer = get(url, this.#call('GET /api/seats', OK));
    return list(answer, 'seats')?.filter(hasId).map(toSeat);
  }

  /**
   * Opens a booking; undefined when the service did not.
   * @returns {number | string | undefined} its id
   */
  book() {
    const answer = post(`${this.api}/api/bookings`, { event_id: EVENT }, this.#call('POST /api/bookings', MADE));
    return made(answer) ? json(answer)?.id : undefined;
  }

  /**
   * The visitor's bookings; undefined when the service gave no list. Services
   * that go on listing what was cancelled, and say so, list it for the record.
   * @returns {Booking[] | undefined}
   */
  bookings() {
    const answer = get(`${this.api}/api/bookings`, this.#call('GET /api/bookings', OK));
    return list(answer, 'bookings')?.filter(hasId).filter(stands).map(toBooking);
  }

  /**
   * Takes a seat into a booking. A 419 means that somebody else has it.
   * @param {number | string} booking
   * @param {number | string} seat
   * @returns {Answer}
   */
  select(booking, seat) {
    const { url, body, call } = this.selecting(booking, seat);
    return patch(url, body, call);
  }

  /**
   * What select sends, for several visitors at once.
   * @param {number | string} booking
   * @param {number | string} seat
   * @returns {Change}
   */
  selecting(booking, seat) {
    const body = { booking_id: booking, seat_id: seat };
    return { url: `${this.api}/api/seats/select`, body, call: this.#call('PATCH /api/seats/select', SELECTED) };
  }

  /**
   * Gives a seat back. Without `mine` the service must refuse with 403, and
   * only that counts as an expected answer.
   * @param {number | string} seat
   * @param {{mine: boolean}} whose
   * @returns {Answer}
   */
  release(seat, { mine }) {
    const call = this.#call('PATCH /api/seats/release', mine ? MADE : REFUSED);
    return patch(`${this.api}/api/seats/release`, { seat_id: seat }, call);
  }

  /**
   * Cancels a booking; `mine` as in release.
   * @param {number | string} booking
   * @param {{mine: boolean}} whose
   * @returns {Answer}
   */
  cancel(booking, { mine }) {
    const { url, body } = this.cancelling(booking);
    return patch(url, body, this.#call(CANCEL, mine ? MADE : REFUSED));
  }

  /**
   * What the owner's cancel sends, for sending it more than once: what the
   * service says to the second one is its own business.
   * @param {number | string} booking
   * @returns {Change}
   */
  cancelling(booking) {
    const body = { booking_id: booking };
    return { url: `${this.api}/api/bookings/cancel`, body, call: this.#call(CANCEL, ANSWERED) };
  }

  /**
   * @param {string} name
   * @param {ReturnType<typeof http.expectedStatuses>} expect
   * @returns {import('./http.js').Call}
   */
  #call(name, expect) {
    return { name, authorization: this.authorization, expect };
  }
}

/**
 * Whether an answer says that something was done: 200, or 201 from services
 * that say so for everything.
 * @param {Answer} answer
 * @returns {boolean}
 */
export function made(answer) {
  return answer.status === 200 || answer.status === 201;
}

/**
 * Whether an answer says that something was not to be had: 419, or another
 * word for it.
 * @param {Answer} answer
 * @returns {boolean}
 */
export function refused(answer) {
  return answer.status >= 400 && answer.status < 500;
}

/**
 * Some services write an id as a number here and as text there.
 * @param {number | string} id
 * @param {number | string} other
 * @returns {boolean}
 */
export function same(id, other) {
  return String(id) === String(other);
}

/**
 * @param {any} value
 * @returns {boolean}
 */
function stands(value) {
  return !/^cancel/i.test(String(value.status ?? ''));
}

/**
 * @param {any} value
 * @returns {boolean}
 */
function hasId(value) {
  return value !== null && typeof value === 'object' && value.id !== undefined;
}

/**
 * A seat without a status came from a service that lists only free ones.
 * @param {any} value
 * @returns {Seat}
 */
function toSeat(value) {
  return { id: value.id, free: value.status === undefined || String(value.status).toUpperCase() === 'FREE' };
}

/**
 * `seats` stays undefined where the service does not list them: it is not a
 * required field, and "no seats" is something else than "not told".
 * @param {any} value
 * @returns {Booking}
 */
function toBooking(value) {
  /** @type {any[] | undefined} */
  const seats = Array.isArray(value.seats) ? value.seats : undefined;
  return {
    id: value.id,
    event: value.event_id,
    seats: seats?.map((seat) => seat?.id ?? seat?.seat_id ?? seat).filter((id) => id !== undefined && id !== null),
  };
}
