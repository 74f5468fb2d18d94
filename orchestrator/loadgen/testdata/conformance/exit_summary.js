export default function () {}
export function handleSummary() { console.log('summary'); throw new Error('in the summary'); }
