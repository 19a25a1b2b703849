// What a .NET program does with the proxy that `wsdl` wrote for it: MonoClient.exe HEADER BODY
using System;
using System.IO;
using System.Text;

class MonoClient {
    static void Main(string[] files) {
        var answer = new Service().CallInterface(File.ReadAllText(files[0]), File.ReadAllText(files[1]));
        var bytes = Encoding.UTF8.GetBytes(answer ?? "null");
        Console.OpenStandardOutput().Write(bytes, 0, bytes.Length);
    }
}
