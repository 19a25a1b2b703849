<?php
// php-soap: exact to the description. php_client.php WSDL HEADER BODY [1.1|1.2] [bare]
$version = ($argv[4] ?? '1.1') === '1.2' ? SOAP_1_2 : SOAP_1_1;
$client = new SoapClient($argv[1], ['soap_version' => $version, 'cache_wsdl' => WSDL_CACHE_NONE]);
$header = file_get_contents($argv[2]);
$body = file_get_contents($argv[3]);
$is_wrapped = str_starts_with($client->__getFunctions()[0], 'CallInterfaceResponse');
$answer = $is_wrapped
    ? $client->CallInterface(['msgHeader' => $header, 'msgBody' => $body])->CallInterfaceResult
    : $client->CallInterface($header, $body);
echo $answer;
