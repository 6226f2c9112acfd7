/* What a number rests on (data-rests), beside its cell: while the mouse or the focus is on the cell, until Escape. */
(function () {
  "use strict";
  const GAP = 4;
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.role = "tooltip";
  tip.hidden = true;
  let told = null;
  let dismissed = null;

  const cellOf = (target) => (target.closest ? target.closest(".ag-cell") : null);
  const restsOf = (cell) => cell && cell.querySelector("[data-rests]");

  function hide() {
    if (told) told.removeAttribute("aria-describedby");
    told = null;
    tip.hidden = true;
  }
  function tell(cell) {
    if (cell === told || cell === dismissed) return;
    const rests = restsOf(cell);
    dismissed = null;
    hide();
    if (!rests) return;
    told = cell;
    told.setAttribute("aria-describedby", tip.id);
    tip.textContent = rests.dataset.rests;
    tip.hidden = false;
    document.body.append(tip);
    place();
  }
  function place() {
    const [at, size] = [told.getBoundingClientRect(), tip.getBoundingClientRect()];
    const below = at.bottom + GAP + size.height <= innerHeight;
    tip.style.left = Math.max(GAP, Math.min(at.right, innerWidth - GAP) - size.width) + "px";
    tip.style.top = (below ? at.bottom + GAP : at.top - GAP - size.height) + "px";
  }

  document.addEventListener("focusin", (event) => tell(cellOf(event.target)));
  document.addEventListener("focusout", hide);
  document.addEventListener("mouseover", (event) => {
    const under = cellOf(event.target);
    if (!tip.contains(event.target)) tell(restsOf(under) ? under : cellOf(document.activeElement));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    dismissed = told;
    hide();
  });
  /* A cell that gets the focus is scrolled into view with it; one that only the mouse was on is left behind. */
  function moved() {
    if (told && told === document.activeElement) place();
    else if (told) tell(cellOf(document.activeElement));
  }
  document.addEventListener("scroll", moved, true);
})();
