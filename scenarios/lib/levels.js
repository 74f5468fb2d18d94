// The level of a run, read from the environment, and the k6 scenarios that put
// it on a service.
//
//   API_URL    where the service answers, without a trailing path (required)
//   USERS      how many users arrive per TIME_UNIT       (default 10)
//   TIME_UNIT  the unit that USERS counts in             (default 1s)
//   RAMP       warm-up from nothing to the full rate     (default 5s; 0: none)
//   DURATION   length of the judged phase                (default 30s)
//
// Durations are written like 5s, 10m or 1m30s, or as whole milliseconds.
// Anything else stops the script in its init context, before any request.

/** The bound on latency that the contest judges by, in milliseconds. */
export const BOUND_MS = 2000;

/**
 * How long a request may take before it counts as failed: long enough to see
 * how slow a slow service is, short enough to give its VU back.
 */
export const REQUEST_TIMEOUT_MS = 10_000;

const UNITS = /** @type {Record<string, number>} */ ({ ms: 1, s: 1000, m: 60_000, h: 3_600_000 });

/**
 * Reads a duration, in milliseconds.
 * @param {string} name the variable, for the error
 * @param {string} text "1m30s" or "90000"
 * @returns {number}
 */
export function milliseconds(name, text) {
  const value = text.trim();
  if (/^\d+$/.test(value)) {
    return Number(value);
  }
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) {
    throw new Error(`${name} is ${JSON.stringify(text)}: write it like 30s or 5m, or as a number of milliseconds`);
  }
  let total = 0;
  for (const [, number, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(number) * UNITS[unit];
  }
  return Math.round(total);
}

/**
 * Reads a whole number above 0 from the environment.
 * @param {string} name
 * @param {string} fallback
 * @returns {number}
 */
export function whole(name, fallback) {
  const text = (__ENV[name] || fallback).trim();
  if (!/^\d+$/.test(text) || Number(text) === 0) {
    throw new Error(`${name} is ${JSON.stringify(text)}: it must be a whole number above 0`);
  }
  return Number(text);
}

/**
 * The address of the service, without a trailing slash.
 * @returns {string}
 */
export function target() {
  const url = (__ENV.API_URL || '').trim();
  if (url === '') {
    throw new Error('API_URL is not set: give the address of the service, like -e API_URL=http://127.0.0.1:8081');
  }
  if (!/^https?:\/\/[^\s/?#]+[^\s?#]*$/i.test(url)) {
    throw new Error('API_URL is not an address: it must look like https://host:port');
  }
  return url.replace(/\/+$/, '');
}

/**
 * @typedef {object} Level
 * @property {number} users arrivals per unit
 * @property {number} unit the unit, in milliseconds
 * @property {number} ramp warm-up, in milliseconds
 * @property {number} duration judged phase, in milliseconds
 */

/**
 * The level that the environment asks for.
 * @returns {Level}
 */
export function level() {
  const wanted = {
    users: whole('USERS', '10'),
    unit: milliseconds('TIME_UNIT', __ENV.TIME_UNIT || '1s'),
    ramp: milliseconds('RAMP', __ENV.RAMP || '5s'),
    duration: milliseconds('DURATION', __ENV.DURATION || '30s'),
  };
  if (wanted.unit === 0 || wanted.duration === 0) {
    throw new Error('TIME_UNIT and DURATION must be longer than 0');
  }
  return wanted;
}

/**
 * How many virtual users an open model needs: enough that a service whose
 * answers stay within the bound never makes the generator drop an arrival.
 * @param {Level} level
 * @param {number} requests requests of one iteration
 * @returns {number}
 */
export function virtualUsers(level, requests) {
  const perSecond = (level.users * 1000) / level.unit;
  const each = Math.max(2 * BOUND_MS, BOUND_MS + 1000) / 1000;
  return Math.ceil(perSecond * each) * Math.max(1, requests) + 1;
}

/**
 * How many users arrive over the whole run, warm-up included.
 * @param {Level} level
 * @returns {number}
 */
export function arrivals(level) {
  return Math.ceil((level.users * (level.ramp / 2 + level.duration)) / level.unit);
}

/**
 * The open model: users arrive at the level's rate however slowly the service
 * answers. `warmup` rises to the rate and is not judged; `steady` holds it.
 * @param {Level} level
 * @param {{exec: string, requests: number}} iteration the function, and how many requests it makes
 * @returns {Record<string, import('k6/options').Scenario>}
 */
export function openModel(level, { exec, requests }) {
  const vus = virtualUsers(level, requests);
  const gracefulStop = `${REQUEST_TIMEOUT_MS + (requests - 1) * BOUND_MS}ms`;
  /** @type {Record<string, import('k6/options').Scenario>} */
  const scenarios = {
    steady: {
      executor: 'constant-arrival-rate',
      exec,
      startTime: `${level.ramp}ms`,
      rate: level.users,
      timeUnit: `${level.unit}ms`,
      duration: `${level.duration}ms`,
      preAllocatedVUs: vus,
      maxVUs: vus,
      gracefulStop,
    },
  };
  if (level.ramp > 0) {
    // Half the VUs carry the full rate up to the bound itself. Whatever the
    // warm-up drops beyond that is not judged.
    const some = Math.ceil(vus / 2);
    scenarios.warmup = {
      executor: 'ramping-arrival-rate',
      exec,
      startRate: 0,
      timeUnit: `${level.unit}ms`,
      stages: [{ target: level.users, duration: `${level.ramp}ms` }],
      preAllocatedVUs: some,
      maxVUs: some,
      gracefulStop,
    };
  }
  return scenarios;
}
