"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  // Light and dark: the system's choice until somebody makes another.
  const root = document.documentElement;
  const remembered = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("mmeplan-theme");
      localStorage.setItem("mmeplan-theme", value);
    } catch { /* a file that may not remember is fine */ }
    return null;
  };
  const isDark = () =>
    (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const theme = $("theme");
  const saved = remembered();
  if (saved === "light" || saved === "dark") root.dataset.theme = saved;
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remembered(root.dataset.theme);
  });

  // Search and filter: every word must stand somewhere in the card.
  const items = all("#cards > details, #lines > li");
  const texts = new Map();
  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, item.textContent.toLowerCase());
    return texts.get(item);
  };
  // A card may stand for several endpoints that are changed alike: those whose own names are meant are listed alone.
  const named = new Map(items.map((item) => [item, all(".alike li", item)]));
  const total = items.reduce((sum, item) => sum + 1 + named.get(item).length, 0);
  const meant = (item, words) => {
    const names = named.get(item), has = (text) => words.every((word) => text.toLowerCase().includes(word));
    const found = words.length ? names.filter((name) => has(name.textContent)) : [];
    const first = names.length > 0 && words.length > 0 && has(item.querySelector("h3").textContent);
    const kept = new Set(found);
    for (const name of names) name.hidden = found.length > 0 && !kept.has(name);
    if (found.length > 0) item.querySelector(".alike").open = true;
    return found.length + first || 1 + names.length;
  };
  let effect = "";
  const show = () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of items) {
      const fits = (!effect || item.dataset.effect === effect) && words.every((word) => textOf(item).includes(word));
      item.hidden = !fits;
      shown += fits ? meant(item, words) : 0;
    }
    const narrowed = words.length > 0 || effect;
    $("told").textContent = narrowed ? `${shown.toLocaleString("en")} of ${total.toLocaleString("en")} endpoints` : "";
  };
  const chips = all(".chip");
  const choose = (value) => {
    effect = value;
    for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.filter === effect));
    show();
  };
  if ($("tools")) {
    $("tools").hidden = false;
    let soon;
    $("search").addEventListener("input", () => {
      clearTimeout(soon);
      soon = setTimeout(show, items.length > 500 ? 150 : 0);
    });
    for (const chip of chips) chip.addEventListener("click", () => choose(effect === chip.dataset.filter ? "" : chip.dataset.filter));
    const fold = (open) => all("#changes details").forEach((card) => { if (!card.hidden) card.open = open; });
    $("open-all").addEventListener("click", () => fold(true));
    $("close-all").addEventListener("click", () => fold(false));
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !event.ctrlKey && !event.metaKey && document.activeElement !== $("search")) {
        event.preventDefault();
        $("search").focus();
      }
    });
  }

  // A link to a card opens it, and shows it if a filter hides it.
  const go = () => {
    const target = location.hash.length > 1 && $(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden) {
      $("search").value = "";
      choose("");
    }
    if (target.tagName === "DETAILS") target.open = true;
    target.scrollIntoView({ block: "start" });
  };
  addEventListener("hashchange", go);
  go();
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) go();
  });

  // The graph: what a box needs and what needs it.
  const picture = $("picture");
  if (picture) {
    const boxes = new Map(all(".box", picture).map((box) => [box.dataset.key, box]));
    const next = new Map();
    const before = new Map();
    const put = (map, key, value) => (map.has(key) ? map.get(key).push(value) : map.set(key, [value]));
    for (const path of all("path", picture)) {
      put(next, path.dataset.start, path);
      put(before, path.dataset.end, path);
    }
    const walk = (map, key, end, found) => {
      for (const path of map.get(key) || []) {
        if (found.has(path)) continue;
        found.add(path);
        found.add(boxes.get(path.dataset[end]));
        walk(map, path.dataset[end], end, found);
      }
    };
    const light = (box) => {
      for (const lit of all(".lit", picture)) lit.classList.remove("lit");
      picture.classList.toggle("focused", Boolean(box));
      if (!box) return;
      const found = new Set([box]);
      walk(next, box.dataset.key, "end", found);
      walk(before, box.dataset.key, "start", found);
      for (const part of found) if (part) part.classList.add("lit");
    };
    for (const box of boxes.values()) {
      box.addEventListener("pointerenter", () => light(box));
      box.addEventListener("pointerleave", () => light(null));
      box.addEventListener("focus", () => light(box));
      box.addEventListener("blur", () => light(null));
    }
  }

  // Paper has no folds.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const item of opened) item.open = true;
  });
  addEventListener("afterprint", () => {
    for (const item of opened) item.open = false;
    opened = [];
  });
})();
