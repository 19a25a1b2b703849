// soap of npm: node_soap.js WSDL HEADER BODY
const fs = require('fs');
const soap = require('soap');

const [wsdl, header, body] = process.argv.slice(2);
const read = (path) => fs.readFileSync(path, 'utf8');
soap.createClientAsync(wsdl)
  .then((client) => client.CallInterfaceAsync({ msgHeader: read(header), msgBody: read(body) }))
  .then(([answer]) => process.stdout.write(text(answer)))
  .catch((error) => { console.error(String(error)); process.exit(1); });

// rpc/encoded comes back with its xsi:type beside the value.
function text(answer) {
  const result = answer.CallInterfaceResult ?? answer;
  return result.$value ?? result;
}
