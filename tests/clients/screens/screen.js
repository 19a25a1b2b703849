// A screen of the manual, run as a browser would: screen.js FILE ORIGIN
//
// FILE is a whole page (.html), run by jsdom with its WebSocket, or a script (.js), run with the
// EventSource of npm. One JSON a line tells what came in: {"open":1}, {"came":{...}}. A line on standard
// input is answered with what stands on the page: {"rows":[...]}.
const fs = require('fs');
const vm = require('vm');
const readline = require('readline');

const [file, origin] = process.argv.slice(2);
const tell = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const rows = file.endsWith('.html') ? page() : script();
readline.createInterface({ input: process.stdin })
  .on('line', () => tell({ rows: rows() }))
  .on('close', () => process.exit(0));

function page() {
  const { JSDOM } = require('jsdom');
  const dom = new JSDOM(fs.readFileSync(file, 'utf8'), {
    url: origin + '/ward.html',
    runScripts: 'dangerously',
    beforeParse(window) {
      window.WebSocket = class extends window.WebSocket {
        constructor(...all) {
          super(...all);
          this.addEventListener('open', () => tell({ open: 1 }));
          this.addEventListener('message', (it) => tell({ came: JSON.parse(it.data) }));
        }
      };
    },
  });
  return () => Array.from(dom.window.document.querySelectorAll('li'), (it) => it.textContent);
}

function script() {
  const { EventSource } = require('eventsource');
  class Told extends EventSource {
    constructor(...all) {
      super(...all);
      this.addEventListener('open', () => tell({ open: 1 }));
    }
  }
  const shown = [];
  const show = (it) => { tell({ came: { type: it.kind, ...it } }); shown.push(it.id); };
  const reload = (message) => tell({ came: { type: 'lost', message } });
  vm.runInNewContext(fs.readFileSync(file, 'utf8'), { EventSource: Told, setTimeout, show, reload });
  return () => shown;
}
