// Java's own HttpClient with an envelope put together by hand, in GBK; it offers HTTP/2 on the way.
// GbkClient ADDRESS NAMESPACE HEADER BODY
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.parsers.DocumentBuilderFactory;

public class GbkClient {
    public static void main(String[] arguments) throws Exception {
        String envelope = "<?xml version=\"1.0\" encoding=\"GBK\"?>"
            + "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>"
            + "<CallInterface xmlns=\"" + arguments[1] + "\">"
            + parameter("msgHeader", arguments[2]) + parameter("msgBody", arguments[3])
            + "</CallInterface></s:Body></s:Envelope>";
        HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0]))
            .header("Content-Type", "text/xml; charset=GBK")
            .POST(HttpRequest.BodyPublishers.ofByteArray(envelope.getBytes(Charset.forName("GBK"))))
            .build();
        HttpResponse<byte[]> response =
            HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofByteArray());
        if (response.statusCode() != 200 || response.version() != HttpClient.Version.HTTP_1_1) {
            throw new Exception(response + " " + new String(response.body(), StandardCharsets.UTF_8));
        }
        String answer = DocumentBuilderFactory.newInstance().newDocumentBuilder()
            .parse(new ByteArrayInputStream(response.body())).getDocumentElement().getTextContent();
        System.out.write(answer.getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    static String parameter(String name, String file) throws Exception {
        String text = Files.readString(Path.of(file)).replace("]]>", "]]]]><![CDATA[>");
        return "<" + name + "><![CDATA[" + text + "]]></" + name + ">";
    }
}
