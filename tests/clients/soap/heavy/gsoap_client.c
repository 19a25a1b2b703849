/* gSOAP: what a C program does with the code that soapcpp2 wrote for it. FUNCTION and the types are
   named by gsoap_client.sh: they hang on the style of the service.
   gsoap_client HEADER BODY */
#include "soapH.h"
#include "ServiceSoap.nsmap"

static char *read_all(const char *path) {
    static char texts[2][1 << 20];
    static int next;
    FILE *file = fopen(path, "rb");
    char *text = texts[next++];
    if (file == NULL) exit(1);
    text[fread(text, 1, sizeof texts[0] - 1, file)] = 0;
    fclose(file);
    return text;
}

int main(int count, char **arguments) {
    struct soap *soap = soap_new1(SOAP_C_UTFSTRING);
    char *header = read_all(arguments[1]), *body = read_all(arguments[2]);
    int error;
#if defined WRAPPED
    struct WRAPPED in = {header, body};
    struct RESPONSE out;
    error = FUNCTION(soap, NULL, NULL, &in, &out);
#define ANSWER out.CallInterfaceResult
#elif defined RESPONSE
    struct RESPONSE out;
    error = FUNCTION(soap, NULL, NULL, header, body, &out);
#define ANSWER out.CallInterfaceResult
#else
    char *answer = NULL;
    error = FUNCTION(soap, NULL, NULL, header, body, &answer);
#define ANSWER answer
#endif
    if (error != SOAP_OK) return soap_print_fault(soap, stderr), 1;
    fputs(ANSWER, stdout);
    return 0;
}
