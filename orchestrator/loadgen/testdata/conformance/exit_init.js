console.log('before');
export default function () {}
throw new Error('in the init context');
