import { parseHTML } from 'k6/html';
import http from 'k6/http';
import { say } from './say.mjs';

const U = __ENV.URL;

export default function () {
  const r = http.get(U + '/html');
  const d = r.html();
  say('title', () => d.find('head title').text());
  say('selector', () => r.html('h1').text());
  say('parse', () => parseHTML('<p>a<b>b</b></p>').find('p').html());
  say('attr', () => [d.find('h1').attr('id'), d.find('h1').attr('nope'), d.find('nope').attr('id'), d.find('h1').attr('nope', 'else')]);
  say('data', () => [d.find('h1').data('seat-row'), d.find('h1').data('seatRow'), d.find('h1').data('flag'), d.find('h1').data('obj'), d.find('h1').data()]);
  say('size', () => [d.find('li').size(), d.find('nope').size()]);
  say('eq', () => [d.find('li').eq(1).text(), d.find('li').eq(-1).text(), d.find('li').eq(9).text(), d.find('li').first().text(), d.find('li').last().text()]);
  say('each', () => { const out = []; d.find('li').each((i, e) => out.push([i, e.textContent ? e.textContent() : '?'])); return out; });
  say('map', () => d.find('li').map((i, e) => i + e.text()));
  say('toArray', () => d.find('li').toArray().map((e) => e.text()));
  say('filter', () => [d.find('li').filter('.x').size(), d.find('li').filter((i, e) => i > 0).size(), d.find('li').filter(d.find('.x')).size()]);
  say('not', () => [d.find('li').not('.x').size(), d.find('li').not((i, e) => i > 0).size()]);
  say('is', () => [d.find('li').is('.x'), d.find('li').is('.y'), d.find('li').is((i, e) => i === 2)]);
  say('has', () => [d.find('ul').has('.x').size(), d.find('ul').has('.y').size()]);
  say('tree', () => [d.find('.x').next().text(), d.find('.x').prev().text(), d.find('.x').parent().size(), d.find('.x').parents().size(), d.find('.x').parents('body').size(), d.find('.x').closest('ul').size(), d.find('.x').siblings === undefined]);
  say('all', () => [d.find('li').first().nextAll().size(), d.find('li').last().prevAll().size(), d.find('li').first().nextUntil('.x').size(), d.find('li').last().prevUntil('.x').size(), d.find('.x').parentsUntil('body').size()]);
  say('children', () => [d.find('ul').children().size(), d.find('ul').children('.x').size(), d.find('ul').contents().size()]);
  say('slice', () => [d.find('li').slice(1).size(), d.find('li').slice(0, 2).size(), d.find('li').slice(-1).text()]);
  say('html', () => [d.find('.x').html(), d.find('nope').html()]);
  say('val', () => [d.find('input[name=a]').val(), d.find('select').val(), d.find('textarea').val(), d.find('nope').val(), d.find('option').val()]);
  say('serialize', () => [d.find('#f').serialize(), d.find('#f').serializeArray(), d.find('#f').serializeObject()]);
  say('get', () => { const e = d.find('h1').get(0); return [e.nodeName(), e.nodeType(), e.id(), e.className(), e.classList(), e.innerHTML(), e.textContent(), e.hasAttribute('id'), e.getAttribute('id'), e.lang(), e.hasAttributes(), e.hasChildNodes()]; });
  say('get none', () => d.find('nope').get(0));
  say('walk', () => { const e = d.find('ul').get(0); return [e.childElementCount(), e.firstElementChild().textContent(), e.lastElementChild().textContent(), e.children().length, e.childNodes().length, e.parentElement().nodeName(), e.nextElementSibling().nodeName(), e.previousElementSibling().nodeName(), e.querySelector('.x').textContent(), e.querySelectorAll('li').length, e.matches('ul'), e.getElementsByTagName('li').length, e.getElementsByClassName('x').length]; });
  say('attributes', () => { const a = d.find('h1').get(0).attributes(); return [Object.keys(a).sort(), a.id.name, a.id.value]; });
  say('link', () => { const e = d.find('#out').get(0); return [e.host(), e.hostname(), e.port(), e.pathname(), e.search(), e.hash(), e.protocol(), e.username(), e.password(), e.origin(), e.text()]; });
  say('form', () => { const e = d.find('#f').get(0); return [e.method(), e.length(), e.elements().length]; });
  say('input', () => { const e = d.find('#f input').get(0); return [e.name(), e.form().id()]; });
  say('select', () => { const e = d.find('select').get(0); return [e.value(), e.selectedIndex(), e.options().length, e.selectedOptions().map((o) => o.value()), e.length(), e.type()]; });
  say('table', () => { const e = d.find('table').get(0); return [e.rows().length, e.rows()[0].cells().length, e.tBodies().length]; });
  say('click', () => { const x = r.clickLink(); return [x.status, x.url, x.json('query')]; });
  say('click one', () => r.clickLink({ selector: '#next', params: { headers: { 'X-A': 'b' } } }).json('headers.X-A'));
  say('click none', () => r.clickLink({ selector: '#nope' }).status);
  say('submit', () => { const j = r.submitForm().json(); return [j.method, j.body, j.headers['Content-Type']]; });
  say('submit fields', () => r.submitForm({ formSelector: '#f', fields: { a: 'changed', extra: 'e' } }).json('body'));
  say('submit with a button', () => r.submitForm({ formSelector: '#g', submitSelector: '[name=btn]' }).json());
  say('submit get', () => { const x = r.submitForm({ formSelector: '#g' }); return [x.json('method'), x.json('query'), x.json('body')]; });
  say('submit none', () => r.submitForm({ formSelector: '#nope' }).status);
  say('not html', () => http.get(U + '/json').html().text().length > 0);
}
