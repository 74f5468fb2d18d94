// What a test needs, by its options.
export const options = JSON.parse(__ENV.OPTIONS || '{}');
export default function () {}
