// Looking into the books: did cancelling free each seat, and once?
//
//   seats_freed         seats of cancelled bookings that were for sale again
//   seats_not_freed     those that stayed taken although no booking holds them
//   double_freed_seats  sales too many of a seat that was freed once
//
// The books are read now and then under load, and after it. A seat that was in a
// booking of ours and is in none any more was cancelled: if the hall shows it as
// taken, and nobody can have it, it was not freed. Seats that strangers hold are
// never looked at.
//
// Then some bookings are cancelled here, one after the other, as impatient
// people do: twice at once, and a third time when the seat has a new owner.
// After that several visitors have reached for the seat, and one may have it.

import { sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { patchTogether } from './http.js';
import { made, refused } from './tickets.js';
import { doubleSold, notProvable, patiently, readBooks, soldTwice, verifiedSeats } from './verify.js';

const freed = new Counter('seats_freed');
const notFreed = new Counter('seats_not_freed');
const doubleFreed = new Counter('double_freed_seats');

/** How many visitors reach for a seat at once: all that a VU can send at once. */
const RIVALS = 6;
/** How many bookings are cancelled here. */
const MOST_CANCELLED = 20;

/**
 * @typedef {import('./tickets.js').Visitor} Visitor
 * @typedef {import('./verify.js').Books} Books
 * @typedef {import('./verify.js').Holding} Holding
 * @typedef {import('./verify.js').Id} Id
 * @typedef {{visitor: Visitor, booking: Id}} Rival somebody with a booking that takes any seat
 * @typedef {{books: number, hall: number, cancelling: number}} Times milliseconds that each may take
 * @typedef {Holding & {cancelled: string, buyers: number}} Resale a seat, whose booking was cancelled, who got it then
 */

/** Reading the books is a small part of the load: what it takes is paused four times. */
const PAUSES = 4;
const LEAST_PAUSE_MS = 500;

/**
 * Reads the books again and again: every seat that a visitor was seen to hold.
 * @param {Visitor[]} visitors everybody who takes part
 * @param {number} lasting milliseconds from now
 * @returns {Books['seats']}
 */
export function watchBooks(visitors, lasting) {
  const until = Date.now() + lasting;
  /** @type {Books['seats']} */
  const seen = new Map();
  for (let began = Date.now(); began < until; began = Date.now()) {
    for (const [id, holding] of readBooks(visitors, until - began).seats) {
      seen.set(id, holding);
    }
    const pause = Math.max(LEAST_PAUSE_MS, PAUSES * (Date.now() - began));
    sleep(Math.max(0, Math.min(pause, until - Date.now())) / 1000);
  }
  return seen;
}

/**
 * @param {Visitor[]} visitors everybody who took part
 * @param {Books['seats']} seen what they held at some time
 * @param {Times} times for the books twice: things are looked up in them again
 */
export function verifyCancellations(visitors, seen, times) {
  const after = readBooks(visitors, times.books);
  const tooMany = soldTwice(after);
  verifiedSeats.add(after.seats.size);
  if (tooMany > 0 || after.gaps === 0) {
    doubleSold.add(tooMany);
  }
  if (after.gaps > 0) {
    notProvable.add(1);
    return;
  }
  const rivals = enter(visitors);
  const gone = [...seen.values()].filter(({ seat }) => !after.seats.has(String(seat)));
  const stuck = stillTaken(visitors, { gone, rival: rivals[0], times });
  const resales = resell(after, rivals, times.cancelling);
  const last = readBooks(concerned(visitors, resales), times.books / 2);
  const { lost, extra } = settle(resales, last);

  const looked = gone.length + resales.length;
  const kept = (stuck ?? 0) + lost;
  freed.add(looked - kept);
  notFreed.add(kept);
  doubleFreed.add(extra);
  // A seat that stayed taken is proven by itself, like one that was sold twice;
  // that there is none takes a look at the hall and at seats that came free.
  const wrong = tooMany + kept + extra > 0;
  notProvable.add(wrong || (stuck !== undefined && resales.length > 0 && last.gaps === 0) ? 0 : 1);
}

/**
 * The last visitors open a booking each: they wait for what comes free.
 * @param {Visitor[]} visitors
 * @returns {Rival[]} fewer than RIVALS where the service refuses
 */
function enter(visitors) {
  /** @type {Rival[]} */
  const rivals = [];
  for (const visitor of visitors.slice(-RIVALS)) {
    const booking = patiently(() => visitor.book(), Infinity);
    if (booking !== undefined) {
      rivals.push({ visitor, booking });
    }
  }
  return rivals;
}

/**
 * How many seats stayed taken of those that are in no booking any more;
 * undefined when the hall cannot be read.
 * @param {Visitor[]} visitors
 * @param {{gone: Holding[], rival: Rival | undefined, times: Times}} about
 * @returns {number | undefined}
 */
function stillTaken(visitors, { gone, rival, times }) {
  if (gone.length === 0) {
    return 0;
  }
  const taken = readTaken(visitors[0], times.hall);
  const suspects = taken === undefined ? [] : gone.filter(({ seat }) => taken.has(String(seat)));
  if (taken === undefined || suspects.length === 0) {
    return taken && 0;
  }
  // Somebody may have bought one since the books were read, and a list may be
  // older than what it lists: the books, and whether it can be had, decide.
  const now = readBooks(visitors, times.books / 2);
  if (rival === undefined || now.gaps > 0) {
    return undefined;
  }
  const ours = suspects.filter(({ seat }) => !now.seats.has(String(seat)));
  return ours.filter(({ seat }) => refused(rival.visitor.select(rival.booking, seat))).length;
}

/**
 * The seats that the hall shows as taken, as far as there is time to read them;
 * undefined when the service gives no pages of them.
 * @param {Visitor} visitor
 * @param {number} lasting milliseconds from now
 * @returns {Set<string> | undefined}
 */
function readTaken(visitor, lasting) {
  const until = Date.now() + lasting;
  /** @type {Set<string>} */
  const taken = new Set();
  for (const status of ['RESERVED', 'SOLD']) {
    /** @type {Id | undefined} */
    let first;
    for (let page = 1; Date.now() < until; page++) {
      const seats = patiently(() => visitor.seats({ page, status }), until);
      if (seats === undefined || (seats.length > 0 && seats[0].id === first)) {
        return undefined; // no list, or the same page again and again
      }
      if (seats.length === 0) {
        break;
      }
      first = seats[0].id;
      seats.filter((seat) => !seat.free).forEach((seat) => taken.add(String(seat.id)));
    }
  }
  return taken;
}

/**
 * Cancels bookings, and has rivals reach for each seat that comes free.
 * @param {Books} books
 * @param {Rival[]} rivals
 * @param {number} lasting milliseconds from now
 * @returns {Resale[]}
 */
function resell({ seats }, rivals, lasting) {
  const until = Date.now() + lasting;
  const [late, ...quick] = rivals;
  /** @type {Resale[]} */
  const resales = [];
  // The visitors who cancelled under load are the first ones: some may be at it.
  for (const holding of [...seats.values()].reverse()) {
    if (quick.length < 2 || resales.length === MOST_CANCELLED || Date.now() > until) {
      break;
    }
    const [cancelled, { id, owner }] = [...holding.bookings][0];
    const change = owner.cancelling(id);
    if (holding.bookings.size > 1 || !patchTogether([change, change]).some(made)) {
      continue;
    }
    const answers = patchTogether(quick.map(({ visitor, booking }) => visitor.selecting(booking, holding.seat)));
    patchTogether([change]);
    answers.push(late.visitor.select(late.booking, holding.seat));
    const buyers = answers.filter(made).length;
    if (buyers > 0 || answers.some(refused)) {
      resales.push({ ...holding, cancelled, buyers });
    }
  }
  return resales;
}

/**
 * Who may hold a seat that was given back: the rivals and the owner, or anybody
 * where a seat went to none of them.
 * @param {Visitor[]} visitors
 * @param {Resale[]} resales
 * @returns {Visitor[]}
 */
function concerned(visitors, resales) {
  if (resales.some(({ buyers }) => buyers === 0)) {
    return visitors;
  }
  const owners = resales.flatMap(({ bookings }) => [...bookings.values()].map(({ owner }) => owner));
  return [...new Set([...owners, ...visitors.slice(-RIVALS)])];
}

/**
 * Counts by the books and by what the rivals were told: who was told to have a
 * seat was sold it, whatever the books say.
 * @param {Resale[]} resales
 * @param {Books} books
 * @returns {{lost: number, extra: number}} seats that nobody got, sales too many
 */
function settle(resales, books) {
  let lost = 0;
  let extra = 0;
  for (const { seat, cancelled, buyers } of resales) {
    const holders = [...(books.seats.get(String(seat))?.bookings.keys() ?? [])];
    const others = holders.filter((booking) => booking !== cancelled).length;
    lost += buyers === 0 && others === 0 && books.gaps === 0 ? 1 : 0;
    extra += Math.max(0, Math.max(buyers, holders.length) - 1);
  }
  return { lost, extra };
}
