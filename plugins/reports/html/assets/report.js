(function () {
  'use strict';

  // Tables: a click on a head sorts by that column, a second one the other way round. Cells
  // without a value, and the reference lines, stay at the end.
  function compare(a, b, sign) {
    if (a.fixed !== b.fixed) return a.fixed ? 1 : -1;
    if (a.empty !== b.empty) return a.empty ? 1 : -1;
    if (a.number && b.number) return sign * (a.key - b.key);
    return sign * String(a.key).localeCompare(String(b.key), undefined, { numeric: true });
  }
  function sort(table, column, head) {
    var ascending = head.getAttribute('aria-sort') !== 'ascending';
    table.querySelectorAll('th').forEach(function (th) { th.removeAttribute('aria-sort'); });
    head.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
    var body = table.tBodies[0];
    var rows = Array.prototype.map.call(body.rows, function (row) {
      var cell = row.cells[column];
      var key = cell.hasAttribute('data-key') ? Number(cell.getAttribute('data-key'))
                                              : cell.textContent;
      return { row: row, key: key, number: typeof key === 'number', empty: key === '',
               fixed: row.classList.contains('reference') };
    });
    rows.sort(function (a, b) { return compare(a, b, ascending ? 1 : -1); });
    rows.forEach(function (item) { body.appendChild(item.row); });
  }
  document.querySelectorAll('table.sortable').forEach(function (table) {
    table.querySelectorAll('th').forEach(function (head, column) {
      head.querySelector('button').addEventListener('click', function () {
        sort(table, column, head);
      });
    });
  });

  // Rounded numbers tell their exact value, which is their key too.
  document.addEventListener('mouseover', function (event) {
    var cell = event.target.closest('td.number[data-key]');
    if (cell) cell.title = cell.getAttribute('data-key');
  });

  // Charts with several views: one is shown.
  document.querySelectorAll('select[data-plot]').forEach(function (select) {
    select.addEventListener('change', function () {
      var views = document.getElementById(select.dataset.plot).querySelectorAll('.view');
      views.forEach(function (view, i) { view.hidden = i !== Number(select.value); });
    });
  });
})();
