// The users of a run, from a CSV or JSON file, never from the script's source
// (where JavaScript would eat the backslash of a password).
//
//   USERS_FILE  the file; without it the sample beside this module
//
// CSV has a header with at least the columns email and password_plain; JSON is
// an array of objects with those keys. Rows with is_active False are skipped:
// a service refuses these users, and rightly.

import { SharedArray } from 'k6/data';
import encoding from 'k6/encoding';
import { eachRow } from './csv.js';

/** @typedef {{email: string, password: string}} User */

/**
 * Loads the first `most` active users, once for all VUs. Anything wrong with
 * the file stops the script, with the file's name in the error.
 *
 * A relative path is meant relative to the script that runs; this is why the
 * script, not this module, calls `open`.
 * @param {(path: string) => string} openFile
 * @param {number} most
 * @returns {User[]}
 */
export function loadUsers(openFile, most) {
  const file = __ENV.USERS_FILE || './lib/users.sample.csv';
  return new SharedArray('users', () => {
    const text = openFile(file);
    try {
      return parseUsers(text, most);
    } catch (error) {
      throw new Error(`users file ${file}: ${error instanceof Error ? error.message : error}`);
    }
  });
}

/**
 * The first `most` active users of a file's text.
 * @param {string} text
 * @param {number} most
 * @returns {User[]}
 */
export function parseUsers(text, most) {
  if (text.trim() === '') {
    throw new Error('it is empty');
  }
  if (text.includes('\ufffd')) {
    throw new Error('it is not valid UTF-8');
  }
  const users = /^\ufeff?\s*\[/.test(text) ? fromJSON(text, most) : fromCSV(text, most);
  if (users.length === 0) {
    throw new Error('it holds no active user');
  }
  return users;
}

/**
 * @param {string} text
 * @param {number} most
 * @returns {User[]}
 */
function fromCSV(text, most) {
  /** @type {User[]} */
  const users = [];
  /** @type {string[] | undefined} */
  let header;
  let email = -1;
  let password = -1;
  let active = -1;
  eachRow(text, (fields, line) => {
    if (header === undefined) {
      header = fields.map((name) => name.trim());
      email = column(header, 'email');
      password = column(header, 'password_plain');
      active = header.indexOf('is_active');
      return true;
    }
    if (fields.length !== header.length) {
      throw new Error(`line ${line} has ${fields.length} fields, its header has ${header.length}`);
    }
    if (active < 0 || isActive(fields[active])) {
      users.push(checked({ email: fields[email], password: fields[password] }, `line ${line}`));
    }
    return users.length < most;
  });
  return users;
}

/**
 * @param {string} text
 * @param {number} most
 * @returns {User[]}
 */
function fromJSON(text, most) {
  /** @type {any[]} */
  let rows;
  try {
    rows = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    throw new Error('it is not valid JSON'); // the engine's own words may quote a password
  }
  /** @type {User[]} */
  const users = [];
  for (let i = 0; i < rows.length && users.length < most; i++) {
    const row = rows[i] || {};
    if (row.is_active === undefined || isActive(String(row.is_active))) {
      users.push(checked({ email: row.email, password: row.password_plain }, `element ${i}`));
    }
  }
  return users;
}

/**
 * @param {string[]} header
 * @param {string} name
 * @returns {number}
 */
function column(header, name) {
  const at = header.indexOf(name);
  if (at < 0) {
    // Not what the line holds instead: in a file without a header it is a user.
    throw new Error(`its first line names no column "${name}"`);
  }
  return at;
}

/**
 * @param {string} text
 * @returns {boolean}
 */
function isActive(text) {
  return !/^(false|0)$/i.test(text.trim());
}

/**
 * @param {{email: any, password: any}} user
 * @param {string} where
 * @returns {User}
 */
function checked(user, where) {
  if (typeof user.email !== 'string' || user.email === '' || user.email.includes(':')) {
    throw new Error(`${where} has no usable "email"`);
  }
  if (typeof user.password !== 'string' || user.password === '') {
    throw new Error(`${where} has no "password_plain"`);
  }
  return user;
}

/**
 * The Authorization header of a user: Basic, UTF-8.
 * @param {User} user
 * @returns {string}
 */
export function basicAuth(user) {
  return `Basic ${encoding.b64encode(`${user.email}:${user.password}`)}`;
}
