// Small things for every page. Each page works without them.
(() => {
  "use strict";

  // After a refused form the summary is what a reader has to meet first.
  const summary = document.querySelector(".error-summary");
  if (summary) {
    summary.tabIndex = -1;
    summary.focus();
  }

  // Rows of links that scroll sideways on a phone show where one is.
  for (const link of document.querySelectorAll(".panel-links [aria-current], .tabs [aria-current]")) {
    const row = link.closest("ul, nav");
    const [inside, outside] = [link.getBoundingClientRect(), row.getBoundingClientRect()];
    row.scrollLeft += inside.left - outside.left - (outside.width - inside.width) / 2;
  }

  // A form posts once: a second press while the answer is on its way does nothing. htmx guards its own forms.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const method = event.submitter?.formMethod || form.method;
    if (event.defaultPrevented || method !== "post" || form.matches("[hx-post], [hx-put], [hx-delete]")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    for (const button of form.querySelectorAll("button:not([type=button])")) button.setAttribute("aria-disabled", "true");
  });

  // Coming back with the browser's back button finds the forms usable again.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
    }
  });

  // Selects and radios that are filters send their form at once; without scripts there is a button for it.
  document.addEventListener("change", (event) => {
    const form = event.target.form;
    if (form && form.dataset.auto === "submit") form.requestSubmit();
  });

  // One box ticks, or clears, all of a list; without scripts each is ticked by itself.
  document.addEventListener("change", (event) => {
    const name = event.target.dataset.checkAll;
    if (!name) return;
    for (const box of event.target.form.querySelectorAll("input[type=checkbox]")) {
      if (box.name === name) box.checked = event.target.checked;
    }
  });

  // The button that prints the page does what only a script can.
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  // "Copy" beside a link or a secret shown once; browsers allow it on safe connections only.
  if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.value || source.textContent.trim());
    if (button.dataset.copied) button.textContent = button.dataset.copied;
  });

  // "Send" opens the system's own sheet where there is one: phones above all.
  if (navigator.share) for (const button of document.querySelectorAll("[data-share]")) button.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-share]");
    if (!button || !navigator.share) return;
    const url = document.getElementById(button.dataset.share).value;
    // Closing the sheet again is no mistake.
    navigator.share({ url, title: button.dataset.title || document.title }).catch(() => {});
  });
})();
