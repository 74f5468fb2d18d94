// Reading CSV: commas, double quotes doubled inside quoted fields, LF or CRLF,
// line breaks inside quotes, a byte order mark in front.

/**
 * Calls row for each record until it returns false or the text ends. An empty
 * line is no record.
 * @param {string} text
 * @param {(fields: string[], line: number) => boolean} row gets the fields and the line that they begin on
 */
export function eachRow(text, row) {
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const began = line;
    /** @type {string[]} */
    const fields = [];
    let more = true;
    while (more) {
      const field = text[at] === '"' ? quoted(text, at, began) : bare(text, at);
      fields.push(field.value);
      line += field.lines;
      more = text[field.end] === ',';
      at = field.end + 1;
    }
    if (text[at - 1] === '\r' && text[at] === '\n') {
      at++;
    }
    line++;
    const empty = fields.length === 1 && fields[0] === '';
    if (!empty && !row(fields, began)) {
      return;
    }
  }
}

/**
 * @typedef {{value: string, end: number, lines: number}} Field its text, where it ends, line breaks inside
 */

/**
 * @param {string} text
 * @param {number} start
 * @returns {Field}
 */
function bare(text, start) {
  let end = start;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') {
    end++;
  }
  return { value: text.slice(start, end), end, lines: 0 };
}

/**
 * @param {string} text
 * @param {number} start where the opening quote stands
 * @param {number} line
 * @returns {Field}
 */
function quoted(text, start, line) {
  let value = '';
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) {
      throw new Error(`line ${line}: a quoted field is never closed`);
    }
    value += text.slice(at, quote);
    at = quote + 1;
    if (text[at] !== '"') {
      break;
    }
    value += '"';
    at++;
  }
  if (at < text.length && text[at] !== ',' && text[at] !== '\n' && text[at] !== '\r') {
    throw new Error(`line ${line}: text follows a closing quote`);
  }
  return { value, end: at, lines: value.split('\n').length - 1 };
}
