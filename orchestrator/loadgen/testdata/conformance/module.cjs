exports.twice = (n) => 2 * n; exports.name = 'common';
