// Axis 1.4's Call, as hospital code uses it: no description, `SOAPAction: ""`, encodingStyle "UTF-8".
// AxisClient ADDRESS NAMESPACE HEADER BODY
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import javax.xml.namespace.QName;
import javax.xml.rpc.ParameterMode;
import org.apache.axis.client.Call;
import org.apache.axis.client.Service;
import org.apache.axis.encoding.XMLType;

public class AxisClient {
    public static void main(String[] arguments) throws Exception {
        Call call = (Call) new Service().createCall();
        call.setTargetEndpointAddress(arguments[0]);
        call.setOperationName(new QName(arguments[1], "CallInterface"));
        call.setEncodingStyle("UTF-8");
        call.setUseSOAPAction(true);
        call.setSOAPActionURI("");
        call.addParameter("msgHeader", XMLType.XSD_STRING, ParameterMode.IN);
        call.addParameter("msgBody", XMLType.XSD_STRING, ParameterMode.IN);
        call.setReturnType(XMLType.XSD_STRING);
        Object answer = call.invoke(new Object[] {read(arguments[2]), read(arguments[3])});
        System.out.write(String.valueOf(answer).getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    static String read(String path) throws Exception {
        return new String(Files.readAllBytes(Paths.get(path)), StandardCharsets.UTF_8);
    }
}
