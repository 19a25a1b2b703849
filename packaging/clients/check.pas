{ Delphi、Lazarus 程序怎样调审查：连接和读取都有时限，问不到就放行。
    fpc check.pas && ./check http://127.0.0.1:8700/v1/channels/esb/checks message.xml
  退出码：0 答复已打在标准输出；2 没有审查成（放行，并记日志）。
  Delphi 里换成 TNetHTTPClient（ConnectionTimeout、ResponseTimeout）或 Indy 的 TIdHTTP，写法相同。 }
program check;

{$mode objfpc}{$H+}

uses
  Classes, SysUtils, fphttpclient;

const
  ConnectMs = 1000;
  AnswerMs = 2000;

var
  Door: TFPHTTPClient;
  Body: TMemoryStream;
  Answer: TStringStream;
begin
  Door := TFPHTTPClient.Create(nil);
  Body := TMemoryStream.Create;
  Answer := TStringStream.Create('');
  try
    try
      Body.LoadFromFile(ParamStr(2));
      Door.ConnectTimeout := ConnectMs;
      Door.IOTimeout := AnswerMs;
      Door.AddHeader('Content-Type', 'text/xml');
      Door.AddHeader('X-Deadline-Ms', IntToStr(AnswerMs - 200));
      Door.RequestBody := Body;
      { 只认 200；别的状态引发异常，落到下面。 }
      Door.HTTPMethod('POST', ParamStr(1), Answer, [200]);
      Write(Answer.DataString);
    except
      on Why: Exception do
      begin
        WriteLn(StdErr, '审查未完成，请医生自行核对：', Why.Message);
        ExitCode := 2;
      end;
    end;
  finally
    Answer.Free;
    Body.Free;
    Door.Free;
  end;
end.
