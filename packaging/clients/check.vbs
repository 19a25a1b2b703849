' VBScript、VB6、ASP 怎样调审查：时限都要设，问不到就放行。
'   cscript //nologo check.vbs http://127.0.0.1:8700/v1/channels/esb/checks message.xml
' 用 ServerXMLHTTP：XMLHTTP 没有 setTimeouts，前置机不在时会把界面挂住。
Option Explicit
Const CONNECT_MS = 1000
Const ANSWER_MS = 2000

Dim answer
answer = Ask(WScript.Arguments(0), ReadFile(WScript.Arguments(1)))
If IsNull(answer) Then
    WScript.StdErr.WriteLine "审查未完成，请医生自行核对"   ' 放行：医生照常开方，并记日志
    WScript.Quit 2
End If
WScript.StdOut.Write answer

Function Ask(address, body)
    Dim door
    Ask = Null
    On Error Resume Next
    Set door = CreateObject("MSXML2.ServerXMLHTTP.6.0")
    door.setTimeouts CONNECT_MS, CONNECT_MS, ANSWER_MS, ANSWER_MS   ' 解析、连接、发送、接收
    door.open "POST", address, True    ' 异步：下面按总时限等；setTimeouts 只管每一次读取
    door.setRequestHeader "Content-Type", "text/xml; charset=utf-8"
    door.setRequestHeader "X-Deadline-Ms", CStr(ANSWER_MS - 200)
    door.send body                    ' 字符串一律按 UTF-8 发出，不管 XML 声明写了什么；不要自己设 Content-Length
    If Err.Number = 0 Then
        If Not door.waitForResponse(ANSWER_MS \ 1000) Then
            door.abort
        ElseIf Err.Number = 0 Then
            If door.status = 200 Then Ask = door.responseText
        End If
    End If
    On Error Goto 0
End Function

Function ReadFile(path)
    Dim stream
    Set stream = CreateObject("ADODB.Stream")
    stream.Charset = "utf-8"
    stream.Open
    stream.LoadFromFile path
    ReadFile = stream.ReadText
    stream.Close
End Function
