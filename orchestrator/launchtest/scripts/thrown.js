// Cannot be begun.
export function setup() {
  throw new Error('there are no users');
}

export default function () {}
