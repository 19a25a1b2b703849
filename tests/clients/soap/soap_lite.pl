# SOAP::Lite: takes the style lightly, never reads the description here, as old scripts do.
# soap_lite.pl ADDRESS NAMESPACE HEADER BODY [1.1|1.2]
use strict;
use warnings;
use SOAP::Lite;

my ($address, $namespace, @files) = @ARGV;
my $version = $files[2] // '1.1';
my ($header, $body) = map {
    open my $file, '<:encoding(UTF-8)', $_ or die "$_: $!";
    local $/;
    <$file>;
} @files[0, 1];
# The version first: the envelope is put together from what was said before.
my $soap = SOAP::Lite->soapversion($version)->proxy($address)->ns($namespace);
$soap->on_action(sub { '"' . join('/', @_) . '"' });
my $called = $soap->call(
    SOAP::Data->name('CallInterface')->attr({ xmlns => $namespace }),
    SOAP::Data->name(msgHeader => $header)->type('string'),
    SOAP::Data->name(msgBody => $body)->type('string'),
);
die $called->faultstring if $called->fault;
binmode STDOUT, ':encoding(UTF-8)';
print $called->result;
