/* What a number rests on (data-rests): beside its cell while the mouse is on either or the cell has the focus, until Escape. */
(function () {
  "use strict";
  const GAP = 4;
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.role = "tooltip";
  tip.hidden = true;
  let told = null;

  const cellOf = (target) => (target.closest ? target.closest(".ag-cell") : null);
  const restsOf = (cell) => cell && cell.querySelector("[data-rests]");

  function hide() {
    if (told) told.removeAttribute("aria-describedby");
    told = null;
    tip.hidden = true;
  }
  function tell(cell) {
    const rests = restsOf(cell);
    if (cell === told) return;
    hide();
    if (!rests) return;
    told = cell;
    told.setAttribute("aria-describedby", tip.id);
    tip.textContent = rests.dataset.rests;
    tip.hidden = false;
    document.body.append(tip);
    const [at, size] = [cell.getBoundingClientRect(), tip.getBoundingClientRect()];
    const below = at.bottom + GAP + size.height <= innerHeight;
    tip.style.left = Math.max(GAP, Math.min(at.right, innerWidth - GAP) - size.width) + "px";
    tip.style.top = (below ? at.bottom + GAP : at.top - GAP - size.height) + "px";
  }

  document.addEventListener("focusin", (event) => tell(cellOf(event.target)));
  document.addEventListener("focusout", hide);
  document.addEventListener("mouseover", (event) => {
    if (!tip.contains(event.target)) tell(cellOf(event.target) || cellOf(document.activeElement));
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("scroll", hide, true);
})();
