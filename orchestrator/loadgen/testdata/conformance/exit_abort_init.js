import exec from 'k6/execution';
exec.test.abort('in the init context');
export default function () { console.log('never'); }
