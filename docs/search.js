// Chinese has no blanks between words, and the search that comes with the book knows words only: it finds nothing.
// Here every part of what is asked, at its blanks, is looked for as it stands, in each section's heading and text.
(function () {
  const around = 60;

  function times(text, part) {
    return text.split(part).length - 1;
  }

  // The text about the first place where it was found, the parts set off so that they can be marked.
  function excerpt(body, parts) {
    const at = Math.max(body.toLowerCase().indexOf(parts[0]) - around / 2, 0);
    let text = (at ? "… " : "") + body.slice(at, at + 3 * around);
    for (const part of parts) {
      const found = text.toLowerCase().indexOf(part);
      if (found >= 0) {
        const end = found + part.length;
        text = text.slice(0, found) + " " + text.slice(found, end) + " " + text.slice(end);
      }
    }
    return text;
  }

  elasticlunr.Index.prototype.search = function (asked) {
    const parts = asked.toLowerCase().split(/\s+/).filter(Boolean);
    const results = [];
    for (const [ref, doc] of Object.entries(this.documentStore.docs)) {
      const [title, body] = [doc.title.toLowerCase(), doc.body.toLowerCase()];
      const scores = parts.map((it) => 20 * times(title, it) + Math.min(times(body, it), 10));
      if (parts.length && scores.every((it) => it > 0)) {
        const score = scores.reduce((sum, it) => sum + it, 0);
        results.push({ ref, score, doc: { ...doc, body: excerpt(doc.body, parts) } });
      }
    }
    return results.sort((a, b) => b.score - a.score);
  };
})();
