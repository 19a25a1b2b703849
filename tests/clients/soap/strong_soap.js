// strong-soap of npm: SOAP 1.2 without an action, Connection: close. strong_soap.js WSDL HEADER BODY
const fs = require('fs');
const { soap } = require('strong-soap');

const [wsdl, header, body] = process.argv.slice(2);
const read = (path) => fs.readFileSync(path, 'utf8');
soap.createClient(wsdl, {}, (error, client) => {
  if (error) fail(error);
  const told = { msgHeader: read(header), msgBody: read(body) };
  const call = process.argv[5] === 'wrapped' ? { CallInterface: told } : told;
  client.CallInterface(call, (error, answer) => {
    if (error) fail(error);
    const result = answer.CallInterfaceResult ?? answer;
    process.stdout.write(result.$value ?? result);
  });
});

function fail(error) {
  console.error(String(error));
  process.exit(1);
}
