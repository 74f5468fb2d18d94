// Thresholds of each kind of metric, with sub-metrics, met and not met.
import http from 'k6/http';
import { check } from 'k6';
import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

const counter = new Counter('sold');
const gauge = new Gauge('queue');
const rate = new Rate('lucky');
const trend = new Trend('price');

export const options = {
  iterations: 4,
  thresholds: {
    sold: ['count==10', 'rate>0', 'count<10'],
    'sold{hall:big}': ['count==6'],
    'sold{hall:none}': ['count>5'],
    queue: ['value==3', 'value>=4'],
    lucky: ['rate==0.5', 'rate>0.5'],
    'lucky{hall:big}': ['rate===0.5'],
    price: ['avg==25', 'min==10', 'max==40', 'med<25.5', 'p(50)>9', 'p(90)>30', 'p(90)<38', 'p(100)!=40', 'max<=40'],
    checks: ['rate==0.75', 'rate>0.9'],
    'checks{check:second}': ['rate==0.5'],
    http_reqs: ['count==4'],
    'http_req_duration{status:200}': ['p(95)<5000', 'p(95)<0.0001'],
    'http_req_duration{status:200,method:GET}': ['max<5000'],
    http_req_failed: ['rate==0'],
    iterations: ['count==4'],
    'iteration_duration{scenario:default}': ['max<10000'],
  },
};

export default function () {
  http.get(`${__ENV.URL}/json`);
  counter.add(__ITER + 1);
  counter.add(0, { hall: 'small' });
  if (__ITER === 1 || __ITER === 3) counter.add(3, { hall: 'big' });
  if (__ITER === 1 || __ITER === 3) counter.add(-3);
  gauge.add(__ITER);
  rate.add(__ITER % 2 === 0, { hall: __ITER < 2 ? 'big' : 'small' });
  trend.add((__ITER + 1) * 10);
  check(__ITER, { first: () => true, second: (i) => i % 2 === 0 });
}
