// A subscriber under TLS: sealed.js PORT CERTIFICATE KEY
//
// What it took is a line of JSON in $SAVED, written before it answers.
const fs = require('fs');
const https = require('https');

const [port, cert, key] = process.argv.slice(2);
const file = process.env.SAVED;
const read = (path) => fs.readFileSync(path);
https.createServer({ cert: read(cert), key: read(key) }, (request, response) => {
  const parts = [];
  request.on('data', (it) => parts.push(it));
  request.on('end', () => {
    const record = JSON.parse(Buffer.concat(parts).toString('utf8'));
    fs.appendFileSync(file, JSON.stringify(record) + '\n');
    response.end('ok');
  });
}).listen(Number(port), '127.0.0.1');
