// Requests to a service of the contest: JSON in, tolerant reading of what comes
// back, one bounded `name` tag per route so that no series is made per URL.

import http from 'k6/http';
import { REQUEST_TIMEOUT_MS } from './levels.js';

const TIMEOUT = `${REQUEST_TIMEOUT_MS}ms`;

/**
 * @typedef {import('k6/http').RefinedResponse<'text'>} Answer
 * @typedef {object} Call
 * @property {string} name the route, as tag
 * @property {string} [authorization] value of the Authorization header
 * @property {ReturnType<typeof http.expectedStatuses>} expect statuses that are no failure
 */

/**
 * @param {Call} call
 * @returns {import('k6/http').RefinedParams<'text'>}
 */
function params(call) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json', 'Content-Type': 'application/json' };
  if (call.authorization) {
    headers.Authorization = call.authorization;
  }
  return {
    headers,
    tags: { name: call.name },
    timeout: TIMEOUT,
    responseType: 'text',
    responseCallback: call.expect,
  };
}

/**
 * @param {string} url
 * @param {Call} call
 * @returns {Answer}
 */
export function get(url, call) {
  return http.get(url, params(call));
}

/**
 * @param {string} url
 * @param {unknown} body sent as JSON
 * @param {Call} call
 * @returns {Answer}
 */
export function post(url, body, call) {
  return http.post(url, JSON.stringify(body), params(call));
}

/**
 * @param {string} url
 * @param {unknown} body sent as JSON
 * @param {Call} call
 * @returns {Answer}
 */
export function patch(url, body, call) {
  return http.patch(url, JSON.stringify(body), params(call));
}

/**
 * Changes something in several places at the same moment: at most six requests
 * to one host are under way at once, so more than six would not be that.
 * @param {{url: string, body: unknown, call: Call}[]} changes
 * @returns {Answer[]}
 */
export function patchTogether(changes) {
  return http.batch(
    changes.map(({ url, body, call }) => ({ method: 'PATCH', url, body: JSON.stringify(body), params: params(call) })),
  );
}

/**
 * The body as JSON; undefined when it is none.
 * @param {Answer} answer
 * @returns {any}
 */
export function json(answer) {
  if (typeof answer.body !== 'string') {
    return undefined;
  }
  try {
    return JSON.parse(answer.body);
  } catch {
    return undefined;
  }
}

/**
 * The list in a 200 answer: an array, an array under `key` (some services wrap
 * it), or null for none. Undefined when the answer holds no list.
 * @param {Answer} answer
 * @param {string} key
 * @returns {any[] | undefined}
 */
export function list(answer, key) {
  if (answer.status !== 200) {
    return undefined;
  }
  let value = json(answer);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    value = value[key];
  }
  if (value === null) {
    return [];
  }
  return Array.isArray(value) ? value : undefined;
}

/**
 * A query string, each value encoded; undefined values are left out.
 * @param {Record<string, string | number | undefined>} values
 * @returns {string}
 */
export function query(values) {
  const pairs = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`);
  return pairs.length > 0 ? `?${pairs.join('&')}` : '';
}
