// Keeps a page up to date while it is open. Pages work without: this listens to
// the server's events and puts parts of the page, as the server writes them, in
// the place of the old ones.
(() => {
  "use strict";
  const button = document.getElementById("pause");
  const region = document.getElementById("live");
  const renewed = document.querySelectorAll("[data-renew]");
  if (!button || !window.EventSource) return;

  let source, results, timer;
  let last = 0;

  // put replaces what is in a part, and keeps the place of the keyboard.
  const put = (part, html) => {
    if (part.innerHTML === html) return;
    const at = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const open = [...part.querySelectorAll("details")].map((d) => d.open);
    part.innerHTML = html;
    part.querySelectorAll("details").forEach((d, i) => { if (i in open) d.open = open[i]; });
    if (at) [...part.querySelectorAll("a")].find((a) => a.getAttribute("href") === at)?.focus({ preventScroll: true });
  };

  const renew = async () => {
    timer = undefined;
    last = Date.now();
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => undefined);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-renew]")) {
      const fresh = page.getElementById(part.id);
      if (fresh) put(part, fresh.innerHTML);
    }
  };

  // soon renews within some time, at random, so that not all readers ask at once.
  const soon = (within) => { timer ??= setTimeout(renew, Math.random() * within); };

  const start = () => {
    source = new EventSource("/events");
    source.addEventListener("now", (e) => {
      if (region) put(region, JSON.parse(e.data));
      if (document.querySelector("[data-under-way]") && Date.now() - last > 2000) soon(500);
    });
    source.addEventListener("results", (e) => {
      if (results !== undefined && results !== e.data) soon(4000);
      results = e.data;
    });
  };

  const stop = () => {
    source?.close();
    source = undefined;
    clearTimeout(timer);
    timer = undefined;
  };

  const label = () => { button.textContent = source ? button.dataset.stop : button.dataset.start; };
  button.addEventListener("click", () => { if (source) stop(); else start(); label(); });
  document.getElementById("refresh")?.remove();
  button.hidden = false;
  if (renewed.length || region) start();
  label();
})();
