// What one generator can do here: virtual users that only ask, without a pause.
import http from 'k6/http';

export const options = {
  scenarios: { calibrate: { executor: 'constant-vus', vus: 20, duration: __ENV.DURATION, gracefulStop: '1s' } },
};

export default function () {
  http.get(__ENV.API_URL, { tags: { name: 'echo' } });
}
