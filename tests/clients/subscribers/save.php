<?php
// A SOAP service that another system offers, run by `php -S`: PHP's SoapServer takes what fits its description and
// answers everything else with a Fault. What it took is a line of JSON in $SAVED, written before it answers.
//
// The SOAPAction has to be the service's own, as .NET insists.
class Emr
{
    public function Save($asked)
    {
        if (($_SERVER['HTTP_SOAPACTION'] ?? '') !== '"urn:emr/Save"') {
            throw new SoapFault('Client', 'SOAPAction: ' . ($_SERVER['HTTP_SOAPACTION'] ?? 'none'));
        }
        if (file_exists(getenv('SAVED') . '.broken')) {
            throw new SoapFault('Server', 'the database is away');
        }
        foreach (['no', 'drug', 'count', 'id'] as $name) {
            if (!isset($asked->$name) || $asked->$name === '') {
                throw new SoapFault('Client', "$name is missing");
            }
        }
        if (str_ends_with($asked->no, '7')) {
            throw new SoapFault('Client', 'no such prescription');
        }
        $line = json_encode((array) $asked, JSON_UNESCAPED_UNICODE) . "\n";
        file_put_contents(getenv('SAVED'), $line, FILE_APPEND | LOCK_EX);
        return ['code' => 0];
    }
}

ini_set('soap.wsdl_cache_enabled', '0');
$server = new SoapServer(__DIR__ . '/save.wsdl', ['soap_version' => SOAP_1_1]);
$server->setClass('Emr');
$server->handle();
