// Is no script.
export default function () {
