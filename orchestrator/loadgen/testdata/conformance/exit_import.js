import './nope.js';
export default function () {}
